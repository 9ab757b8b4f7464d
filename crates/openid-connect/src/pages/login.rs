//! The pages of a login, and what may come instead of one.

use super::{Message, page};

/// The form for user name and password.
#[derive(Debug, Default)]
pub(crate) struct Login {
    pub action: String,
    /// Filled in.
    pub username: String,
    /// Whether it is settled who signs in.
    pub hide_username: bool,
    /// Whether the box is ticked; none: it is not offered.
    pub remember_me: Option<bool>,
    /// Where a forgotten password is reset.
    pub forgot: Option<String>,
    pub error: Option<Message>,
}
page!(Login, "login.html", "login-login");

/// The form of those who forgot their password.
#[derive(Debug, Default)]
pub(crate) struct ResetPassword {
    pub action: String,
    /// Filled in.
    pub username: String,
    /// The login form.
    pub back: String,
    /// Whether an e-mail address names a user, too.
    pub with_email: bool,
    pub error: Option<Message>,
}
page!(
    ResetPassword,
    "login-reset-password.html",
    "login-login-reset-password"
);

/// The form for a second factor's code.
#[derive(Debug, Default)]
pub(crate) struct Otp {
    pub action: String,
    /// Id and label of each device.
    pub credentials: Vec<(String, String)>,
    /// The device asked.
    pub selected: String,
    pub error: Option<Message>,
}
page!(Otp, "login-otp.html", "login-login-otp");

/// The form for a recovery code.
#[derive(Debug, Default)]
pub(crate) struct RecoveryCode {
    pub action: String,
    /// Which one of the list.
    pub number: u32,
    pub error: Option<Message>,
}
page!(
    RecoveryCode,
    "login-recovery-authn-code-input.html",
    "login-login-recovery-authn-code-input"
);

impl RecoveryCode {
    fn number(&self) -> String {
        self.number.to_string()
    }
}

/// The choice between second factors.
#[derive(Debug, Default)]
pub(crate) struct SelectAuthenticator {
    pub action: String,
    pub ways: Vec<Way>,
}
page!(
    SelectAuthenticator,
    "select-authenticator.html",
    "login-select-authenticator"
);

/// One of them.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub execution: String,
    pub name: Message,
    pub help: Message,
}

/// What went wrong, Keycloak's error page.
#[derive(Debug, Default)]
pub(crate) struct Failed {
    pub message: Message,
    /// The application's own page.
    pub back: Option<String>,
}
page!(Failed, "error.html", "login-error");

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Info {
    /// The headline; none: the message is it.
    pub header: Option<Message>,
    pub message: Message,
    /// Required actions still to be done.
    pub actions: Vec<String>,
    pub link: Option<(String, Message)>,
}
page!(Info, "info.html", "login-info");

/// The question before a logout.
#[derive(Debug, Default)]
pub(crate) struct LogoutConfirm {
    pub action: String,
    pub session_code: String,
    pub back: Option<String>,
}
page!(
    LogoutConfirm,
    "logout-confirm.html",
    "login-logout-confirm",
    |_, frame| frame.t("logoutConfirmTitle")
);

/// What calls the applications that the browser was signed in to.
#[derive(Debug, Default)]
pub(crate) struct FrontchannelLogout {
    /// Name and URL of each.
    pub apps: Vec<(String, String)>,
    /// Where to go then.
    pub next: Option<String>,
}
page!(
    FrontchannelLogout,
    "frontchannel-logout.html",
    "login-frontchannel-logout",
    |_, frame| frame.t("frontchannel-logout.title")
);

/// The question which privileges an application gets.
#[derive(Debug, Default)]
pub(crate) struct Consent {
    pub action: String,
    pub code: String,
    /// The client's name.
    pub client: String,
    pub terms: Option<String>,
    pub policy: Option<String>,
    pub scopes: Vec<Message>,
}
page!(Consent, "login-oauth-grant.html", "login-login-oauth-grant");

/// The form for the code that a device shows.
#[derive(Debug, Default)]
pub(crate) struct Device {
    pub action: String,
    pub user_code: String,
    pub error: Option<Message>,
}
page!(
    Device,
    "login-oauth2-device-verify-user-code.html",
    "login-login-oauth2-device-verify-user-code"
);

/// A form that is too old.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    pub restart: String,
    pub go_on: String,
}
page!(
    Expired,
    "login-page-expired.html",
    "login-login-page-expired"
);
