//! What holds of every page.

mod all;

use super::{FrontchannelLogout, Page as _, UpdateProfile};
use all::{EVIL, all, face};

/// The elements of a page, each from its name to its end.
fn elements(page: &str) -> impl Iterator<Item = &str> {
    page.split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

#[test]
fn nothing_that_was_given_is_markup() {
    for locale in ["en", "de"] {
        for (id, page) in all(&face(locale)) {
            assert!(!page.contains("<b id"), "{id}: {page}");
            assert!(!page.contains(EVIL), "{id}");
            assert!(page.contains(&format!("<html lang=\"{locale}\"")), "{id}");
            assert!(page.contains(&format!("data-page-id=\"{id}\"")), "{id}");
        }
    }
}

#[test]
fn no_page_has_a_script_or_a_style_of_its_own() {
    for (id, page) in all(&face("en")) {
        for element in elements(&page) {
            let name = element.split([' ', '/']).next().unwrap();
            let foreign = name == "iframe" && id != FrontchannelLogout::ID;
            assert!(
                !foreign && !["script", "style", "object"].contains(&name),
                "{id}: {element}"
            );
            let handler = element
                .split(' ')
                .any(|part| part.starts_with("on") || part.starts_with("style="));
            assert!(!handler, "{id}: {element}");
        }
    }
}

#[test]
fn all_that_a_page_says_comes_from_the_map() {
    let mut face = face("en");
    face.texts = super::message::silent();
    let evil = protocol::html::escape(EVIL);
    for (id, page) in all(&face) {
        let body = page.replace(&evil, "");
        let (_, body) = body.split_once("<body").unwrap();
        let mut said = String::new();
        for part in body.split('<').skip(1) {
            let (element, text) = part.split_once('>').unwrap();
            for name in ["aria-label", "alt", "title", "placeholder"] {
                said.push_str(attribute(element, name).unwrap_or_default());
            }
            // What machines write stands in these.
            if !["code", "time"]
                .iter()
                .any(|name| element.starts_with(name))
            {
                said.push_str(text);
                said.push(' ');
            }
        }
        let words: Vec<&str> = said
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| word.len() > 1)
            .collect();
        let names = ["VERIFY", "EMAIL", "UTC"];
        let strange: Vec<_> = words.iter().filter(|word| !names.contains(word)).collect();
        assert!(strange.is_empty(), "{id}: {strange:?}");
    }
}

#[test]
fn every_input_has_a_label_and_every_description_is_there() {
    for (id, page) in all(&face("en")) {
        let ids: Vec<&str> = elements(&page).filter_map(|e| attribute(e, "id")).collect();
        let labels: Vec<&str> = elements(&page)
            .filter(|element| element.starts_with("label"))
            .filter_map(|element| attribute(element, "for"))
            .collect();
        for element in elements(&page) {
            for described in attribute(element, "aria-describedby")
                .into_iter()
                .flat_map(|ids| ids.split(' '))
            {
                assert!(ids.contains(&described), "{id}: {element}");
            }
            let named = ["input ", "select ", "textarea "];
            if !named.iter().any(|name| element.starts_with(name))
                || matches!(attribute(element, "type"), Some("hidden" | "submit"))
                || attribute(element, "aria-hidden").is_some()
                || attribute(element, "aria-label").is_some()
            {
                continue;
            }
            let own = attribute(element, "id").unwrap_or_else(|| panic!("{id}: {element}"));
            assert!(labels.contains(&own), "{id}: {element}");
        }
    }
}

#[test]
fn ids_stand_once_on_a_page() {
    for (id, page) in all(&face("en")) {
        // The fields of this test all have one name.
        if id == UpdateProfile::ID {
            continue;
        }
        let mut ids: Vec<&str> = elements(&page).filter_map(|e| attribute(e, "id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{id}: {ids:?}");
    }
}

#[test]
fn forms_have_the_inputs_that_scripts_for_keycloak_fill() {
    let known: [(&str, &str, &[&str]); 9] = [
        (
            "login-login",
            "kc-form-login",
            &[
                "username:text",
                "password:password",
                "rememberMe:checkbox",
                "credentialId:hidden",
                "login:submit",
            ],
        ),
        (
            "login-login-otp",
            "kc-otp-login-form",
            &[
                "selectedCredentialId:radio",
                "selectedCredentialId:radio",
                "otp:text",
                "login:submit",
            ],
        ),
        (
            "login-login-recovery-authn-code-input",
            "kc-recovery-code-login-form",
            &["recoveryCodeInput:text", "login:submit"],
        ),
        (
            "login-login-update-password",
            "kc-passwd-update-form",
            &[
                "username:text",
                "password-new:password",
                "password-confirm:password",
                "logout-sessions:checkbox",
                "login:submit",
                "cancel-aia:submit",
            ],
        ),
        (
            "login-login-config-totp",
            "kc-totp-settings-form",
            &[
                "totp:text",
                "totpSecret:hidden",
                "userLabel:text",
                "logout-sessions:checkbox",
                ":submit",
                "cancel-aia:submit",
            ],
        ),
        (
            "login-login-recovery-authn-code-config",
            "kc-recovery-codes-settings-form",
            &[
                "generatedRecoveryAuthnCodes:hidden",
                "generatedAt:hidden",
                "userLabel:hidden",
                "kcRecoveryCodesConfirmationCheck:checkbox",
                "logout-sessions:checkbox",
                ":submit",
                "cancel-aia:submit",
            ],
        ),
        (
            "login-login-oauth-grant",
            "",
            &["code:hidden", "accept:submit", "cancel:submit"],
        ),
        (
            "login-logout-confirm",
            "",
            &["session_code:hidden", "confirmLogout:submit"],
        ),
        (
            "login-login-oauth2-device-verify-user-code",
            "kc-user-verify-device-user-code-form",
            &["device_user_code:text", ":submit"],
        ),
    ];
    let pages = all(&face("en"));
    for (id, form_id, inputs) in known {
        let (_, page) = pages.iter().find(|(known, _)| *known == id).unwrap();
        let form = page
            .split("<form")
            .nth(1)
            .unwrap()
            .split("</form>")
            .next()
            .unwrap();
        assert_eq!(
            attribute(form.split('>').next().unwrap(), "id").unwrap_or_default(),
            form_id
        );
        let found: Vec<String> = elements(form)
            .filter(|element| element.starts_with("input") || element.starts_with("button"))
            .map(|element| {
                format!(
                    "{}:{}",
                    attribute(element, "name").unwrap_or_default(),
                    attribute(element, "type").unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(found, inputs, "{id}");
    }
}

#[test]
fn a_language_that_was_chosen_goes_with_the_form() {
    let mut face = face("de");
    face.chosen = true;
    assert_eq!(face.action("/a?x=1&kc_locale=en"), "/a?x=1&kc_locale=de");
    let choices = face.choices();
    assert_eq!(
        choices[0].href,
        "http://id.test/realms/r/login-actions/authenticate?execution=b&kc_locale=en"
    );
    assert_eq!(
        (choices[1].name.as_str(), choices[1].current),
        ("Deutsch", true)
    );
    face.locales.truncate(1);
    assert!(face.choices().is_empty());
}
