//! The pages: plain HTML without scripts.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use protocol::html::escape;
use realm::Realm;

/// Nothing but this server's own stylesheet and forms, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page being written.
pub(super) struct Page {
    status: u16,
    title: String,
    body: String,
}

impl Page {
    pub(super) fn new(status: u16, title: &str) -> Self {
        Self {
            status,
            title: escape(title),
            body: String::new(),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.body.push_str(&format!("<p>{}</p>\n", escape(text)));
    }

    pub(super) fn alert(&mut self, text: &str) {
        let text = escape(text);
        self.body
            .push_str(&format!("<p class=\"alert\" role=\"alert\">{text}</p>\n"));
    }

    pub(super) fn link(&mut self, uri: &str, text: &str) {
        let (uri, text) = (escape(uri), escape(text));
        self.body
            .push_str(&format!("<p><a href=\"{uri}\">{text}</a></p>\n"));
    }

    /// Names the actions that have no page.
    pub(super) fn rest(&mut self, actions: &[&str]) {
        if !actions.is_empty() {
            self.text(&format!(
                "Not possible on this page, and still to be done with your administrator: {}.",
                actions.join(", ")
            ));
        }
    }

    /// The form that acts; with fields for a new password or not.
    pub(super) fn form(&mut self, key: &str, password: bool) {
        let key = escape(key);
        self.body.push_str(&format!(
            "<form method=\"post\" action=\"action-token\">\n<input type=\"hidden\" name=\"key\" value=\"{key}\">\n"
        ));
        if password {
            self.body.push_str(
                "<p><label for=\"password-new\">New password</label>\n\
                 <input type=\"password\" id=\"password-new\" name=\"password-new\" autocomplete=\"new-password\" required>\
                 </p>\n<p><label for=\"password-confirm\">The same once more</label>\n\
                 <input type=\"password\" id=\"password-confirm\" name=\"password-confirm\" \
                 autocomplete=\"new-password\" required></p>\n\
                 <p class=\"check\"><input type=\"checkbox\" id=\"logout-sessions\" name=\"logout-sessions\" value=\"on\" \
                 checked> <label for=\"logout-sessions\">Sign out from other devices</label></p>\n",
            );
        }
        self.body
            .push_str("<p><button type=\"submit\">Confirm</button></p>\n</form>\n");
    }

    pub(super) fn answer(self, realm: &Realm) -> HttpResponse {
        let Self {
            status,
            title,
            body,
        } = self;
        let name = realm
            .rep
            .display_name
            .as_deref()
            .filter(|name| !name.is_empty());
        let name = escape(name.unwrap_or(&realm.name));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .body(format!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} - {name}</title>\n\
                 <link rel=\"stylesheet\" href=\"style.css\">\n</head>\n<body>\n<header>{name}</header>\n<main>\n\
                 <h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
            ))
    }
}
