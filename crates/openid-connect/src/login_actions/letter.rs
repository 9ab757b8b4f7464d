//! The e-mails that carry the link of an action token.

use protocol::html::escape;
use protocol::mail::{self, Error, Mail};
use protocol::{HttpError, RealmContext};

use crate::pages::Frame;

/// Sends a link that lives for so many seconds. `texts`: the keys of subject and body; the body's places are the link, the
/// minutes and the realm's name.
///
/// # Errors
/// From the database; within, why the e-mail did not go out.
pub(super) async fn send(
    ctx: &RealmContext,
    frame: &Frame,
    to: &str,
    texts: (&str, &str),
    (link, lifespan): (&str, i64),
) -> Result<Result<(), Error>, HttpError> {
    let (state, realm) = (ctx.state(), &ctx.realm);
    let (subject, body) = texts;
    let minutes = (lifespan / 60).max(1).to_string();
    let text = |link: &str| {
        let text = frame.say(body, &[link, &minutes, &frame.realm]);
        text.replace("\\n", "\n")
    };
    let anchor = format!("<a href=\"{0}\" rel=\"nofollow\">{0}</a>", escape(link));
    // The link comes last, so that all else stays text.
    let html = escape(&text("\u{1}")).replace('\u{1}', &anchor);
    let mail = Mail {
        to,
        subject: &frame.t(subject),
        text: text(link),
        html: format!(
            "<html><body><p>{}</p></body></html>",
            html.replace("\n\n", "</p><p>")
        ),
    };
    let password = realm::smtp::password(&state.pool, &state.sealer, realm.id).await?;
    let smtp = realm.rep.smtp_server.clone().unwrap_or_default();
    Ok(mail::send(&smtp, password.as_ref(), mail).await)
}
