//! All that people see of openid-connect: plain HTML without scripts, in their language, under one stylesheet.
//!
//! A handler makes a [`Frame`] for its request, and sends one of the pages in it. Titles, ids of elements and names of
//! inputs are Keycloak's, so that scripts written for it go on to work.

mod actions;
mod escape;
mod face;
mod field;
mod frame;
mod locale;
mod login;
mod message;
mod qr;
mod style;
#[cfg(test)]
mod tests;

pub(crate) use actions::{
    ActionToken, ConfigureTotp, DeleteAccount, DeleteCredential, RecoveryCodes, Terms,
    UpdatePassword, UpdateProfile, VerifyEmail,
};
pub(crate) use escape::Escape;
pub(crate) use face::{Alert, Face};
pub(crate) use field::{Field, profile_fields, user_views};
pub(crate) use frame::{Frame, Page, failed};
pub(crate) use login::{
    Consent, Device, Expired, Failed, FrontchannelLogout, Info, Login, LogoutConfirm, Otp,
    RecoveryCode, ResetPassword, SelectAuthenticator, Way,
};
pub(crate) use message::{Message, msg, msg_with};
pub(crate) use style::answer as style;

/// Makes a page of a struct: its template, its id and its title.
macro_rules! page {
    ($page:ident, $path:literal, $id:literal) => {
        page!($page, $path, $id, |_, frame: &$crate::pages::Face| frame
            .say("loginTitle", &[&frame.realm]));
    };
    ($page:ident, $path:literal, $id:literal, $title:expr) => {
        impl $crate::pages::Page for $page {
            const ID: &'static str = $id;

            fn title(&self, frame: &$crate::pages::Face) -> String {
                let title: fn(&Self, &$crate::pages::Face) -> String = $title;
                title(self, frame)
            }

            fn render(&self, frame: &$crate::pages::Face) -> askama::Result<String> {
                #[derive(askama::Template)]
                #[template(path = $path)]
                struct View<'a> {
                    frame: &'a $crate::pages::Face,
                    page: &'a $page,
                    id: &'static str,
                    title: String,
                }
                askama::Template::render(&View {
                    frame,
                    page: self,
                    id: <Self as $crate::pages::Page>::ID,
                    title: $crate::pages::Page::title(self, frame),
                })
            }
        }
    };
}
pub(crate) use page;
