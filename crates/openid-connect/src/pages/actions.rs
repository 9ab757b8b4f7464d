//! The pages of required actions.

use super::{Field, Message, page, qr};

/// A new password.
#[derive(Debug, Default)]
pub(crate) struct UpdatePassword {
    pub action: String,
    /// For password managers.
    pub username: String,
    /// Whether the box is ticked.
    pub logout_sessions: bool,
    /// Whether it can be left: the application asked for it.
    pub cancel: bool,
    pub error: Option<Message>,
    pub confirm_error: Option<Message>,
}
page!(
    UpdatePassword,
    "login-update-password.html",
    "login-login-update-password"
);

/// A new device for one-time codes.
#[derive(Debug, Default)]
pub(crate) struct ConfigureTotp {
    pub action: String,
    /// What the form sends back.
    pub secret: String,
    /// What people type in: Base32.
    pub encoded: String,
    /// What they scan: `otpauth://…`.
    pub uri: String,
    /// `totp` or `hotp`.
    pub kind: String,
    pub algorithm: String,
    pub digits: u32,
    /// Seconds, or the first counter.
    pub period: u32,
    pub label: String,
    pub label_required: bool,
    pub logout_sessions: bool,
    pub cancel: bool,
    pub error: Option<Message>,
    pub label_error: Option<Message>,
}
page!(
    ConfigureTotp,
    "login-config-totp.html",
    "login-login-config-totp"
);

impl ConfigureTotp {
    /// The code to scan.
    fn image(&self) -> Option<String> {
        qr::svg(&self.uri)
    }

    fn kind_key(&self) -> &'static str {
        match self.kind.as_str() {
            "hotp" => "loginTotp.hotp",
            _ => "loginTotp.totp",
        }
    }

    /// The key in fours, which are easier to type.
    fn spaced(&self) -> String {
        in_fours(&self.encoded.replace(' ', ""), ' ')
    }
}

/// New recovery codes, shown once.
#[derive(Debug, Default)]
pub(crate) struct RecoveryCodes {
    pub action: String,
    pub codes: Vec<String>,
    /// Milliseconds.
    pub generated_at: i64,
    pub label: String,
    pub logout_sessions: bool,
    pub cancel: bool,
}
page!(
    RecoveryCodes,
    "login-recovery-authn-code-config.html",
    "login-login-recovery-authn-code-config"
);

impl RecoveryCodes {
    fn shown(&self) -> impl Iterator<Item = String> + '_ {
        self.codes.iter().map(|code| in_fours(code, '-'))
    }

    fn joined(&self) -> String {
        self.codes.join(",")
    }
}

/// A profile that misses something.
#[derive(Debug, Default)]
pub(crate) struct UpdateProfile {
    pub action: String,
    pub fields: Vec<Field>,
    pub cancel: bool,
}
page!(
    UpdateProfile,
    "login-update-profile.html",
    "login-login-update-profile"
);

/// An e-mail address that waits for its owner.
#[derive(Debug, Default)]
pub(crate) struct VerifyEmail {
    /// Sends it (again).
    pub action: String,
    pub email: String,
    /// Whether an e-mail is on its way.
    pub sent: bool,
    pub cancel: bool,
}
page!(
    VerifyEmail,
    "login-verify-email.html",
    "login-login-verify-email"
);

/// Terms to agree with.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub action: String,
}
page!(Terms, "terms.html", "login-terms");

/// The question before an account goes.
#[derive(Debug, Default)]
pub(crate) struct DeleteAccount {
    pub action: String,
    pub cancel: bool,
}
page!(
    DeleteAccount,
    "delete-account-confirm.html",
    "login-delete-account-confirm"
);

/// The question before a credential goes.
#[derive(Debug, Default)]
pub(crate) struct DeleteCredential {
    pub action: String,
    pub label: String,
}
page!(
    DeleteCredential,
    "delete-credential.html",
    "login-delete-credential"
);

/// What the link of an e-mail leads to.
#[derive(Debug, Default)]
pub(crate) struct ActionToken {
    pub title: Message,
    /// Whose account it is.
    pub text: Message,
    /// The token, which the form sends back.
    pub key: String,
    /// The required actions.
    pub actions: Vec<String>,
}
page!(
    ActionToken,
    "action-token.html",
    "login-action-token",
    |page, frame| frame.m(&page.title)
);

fn in_fours(text: &str, between: char) -> String {
    let mut shown = String::with_capacity(text.len() * 5 / 4);
    for (place, character) in text.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            shown.push(between);
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_shown_in_fours() {
        assert_eq!(super::in_fours("GEZDGNBV2", ' '), "GEZD GNBV 2");
        assert_eq!(super::in_fours("", '-'), "");
    }
}
