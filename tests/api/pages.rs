//! The pages of openid-connect: language, headers, stylesheet.

use reqwest::header::{ACCEPT_LANGUAGE, COOKIE};
use serde_json::{Value, json};

use crate::browser::{Browser, app, auth_url};
use crate::support::{Answer, Realm, patiently, server};

async fn speaking(settings: Value) -> Realm {
    let realm = Realm::with(settings).await;
    app(&realm, json!({})).await;
    realm
}

async fn page(url: &str, headers: &[(reqwest::header::HeaderName, &str)]) -> Answer {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    patiently(|| {
        let request = client.get(url);
        headers.iter().fold(request, |request, (name, value)| {
            request.header(name, *value)
        })
    })
    .await
}

fn language(answer: &Answer) -> String {
    let (_, rest) = answer.text.split_once("<html lang=\"").unwrap();
    let language = rest.split('"').next().unwrap().to_owned();
    assert_eq!(answer.headers["content-language"], language.as_str());
    language
}

#[tokio::test]
async fn without_internationalization_pages_are_in_english() {
    let realm = speaking(json!({ "supportedLocales": ["de"], "defaultLocale": "de" })).await;
    let url = auth_url(&realm.name, "&ui_locales=de&kc_locale=de");
    let answer = page(&url, &[(ACCEPT_LANGUAGE, "de")]).await;
    assert_eq!(language(&answer), "en");
    assert!(!answer.text.contains("kc-locale"), "{}", answer.text);
    assert!(
        answer
            .headers
            .get_all("set-cookie")
            .iter()
            .all(|c| !c.to_str().unwrap().contains("LOCALE"))
    );
}

#[tokio::test]
async fn the_language_is_negotiated_in_keycloaks_order() {
    let realm = speaking(json!({
        "internationalizationEnabled": true, "supportedLocales": ["en", "de", "xx"], "defaultLocale": "en"
    }))
    .await;
    let ask = async |query: &str, header: &str, cookie: &str| {
        let headers = [(ACCEPT_LANGUAGE, header), (COOKIE, cookie)];
        language(&page(&auth_url(&realm.name, query), &headers).await)
    };
    for (query, header, cookie, expected) in [
        ("", "fr", "", "en"),
        ("", "de-AT,en;q=0.5", "", "de"),
        ("", "fr,en;q=0.3,de;q=0.8", "", "de"),
        // Named by the realm, but there are no texts.
        ("", "xx", "", "en"),
        ("", "en", "KEYCLOAK_LOCALE=de", "de"),
        ("&ui_locales=en", "de", "KEYCLOAK_LOCALE=de", "en"),
        ("&ui_locales=fr%20de", "en", "", "de"),
        ("&ui_locales=de&kc_locale=en", "de", "", "en"),
        ("&kc_locale=%00%ff", "de", "", "de"),
    ] {
        let found = ask(query, header, cookie).await;
        assert_eq!(found, expected, "{query} {header} {cookie}");
    }
}

#[tokio::test]
async fn a_language_that_was_chosen_stays() {
    let realm = speaking(json!({
        "internationalizationEnabled": true, "supportedLocales": ["en", "de"], "defaultLocale": "en"
    }))
    .await;
    let mut browser = Browser::new();
    let first = browser.get(&auth_url(&realm.name, "")).await;
    assert!(
        first.text.contains("Sign in to your account"),
        "{}",
        first.text
    );
    let (_, rest) = first.text.split_once("hreflang=\"de\" href=\"").unwrap();
    let link = crate::browser::unescape(rest.split('"').next().unwrap());
    assert!(!link.contains("session_code"), "{link}");
    let base = reqwest::Url::parse(&server().url).unwrap();
    let german = browser.get(base.join(&link).unwrap().as_str()).await;
    assert_eq!(language(&german), "de");
    assert!(
        german.text.contains("Bei Ihrem Konto anmelden"),
        "{}",
        german.text
    );
    assert_eq!(browser.cookies["KEYCLOAK_LOCALE"], "de");
    browser.cookies.remove("KEYCLOAK_LOCALE");
    let wrong = [("username", "alice"), ("password", "no")];
    let again = browser.submit(&german, &wrong).await;
    assert_eq!(language(&again), "de", "the form says it, too");
    assert!(
        again
            .text
            .contains("Ungültiger Benutzername oder Passwort."),
        "{}",
        again.text
    );
}

#[tokio::test]
async fn a_realms_own_texts_come_first_and_are_no_markup() {
    let realm = speaking(json!({
        "displayName": "Blue <&> Co", "internationalizationEnabled": true, "supportedLocales": ["en", "fr"],
        "defaultLocale": "en"
    }))
    .await;
    for (locale, text) in [("en", "Come <b>in</b>"), ("fr", "Entrez")] {
        let path = realm.path(&format!("/localization/{locale}"));
        let answer = realm
            .admin
            .post(&path, json!({ "loginAccountTitle": text }))
            .await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    let english = page(&auth_url(&realm.name, ""), &[]).await;
    assert!(
        english.text.contains("Come &lt;b&gt;in&lt;/b&gt;"),
        "{}",
        english.text
    );
    assert!(
        english
            .text
            .contains("<title>Sign in to Blue &lt;&amp;&gt; Co</title>"),
        "{}",
        english.text
    );
    let french = page(&auth_url(&realm.name, ""), &[(ACCEPT_LANGUAGE, "fr")]).await;
    assert_eq!(language(&french), "fr");
    assert!(
        french.text.contains("Entrez") && french.text.contains("Password"),
        "{}",
        french.text
    );
}

#[tokio::test]
async fn pages_have_a_strict_policy_that_lets_forms_lead_to_clients() {
    let realm = speaking(json!({ "displayNameHtml": "<div class='x'><b>Blue</b></div>" })).await;
    let answer = page(&auth_url(&realm.name, ""), &[]).await;
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("frame-src 'self'; frame-ancestors 'self'; object-src 'none'; default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert!(
        !policy.contains("form-action") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(
        answer.headers["cache-control"],
        "no-store, must-revalidate, max-age=0"
    );
    assert_eq!(answer.headers["content-type"], "text/html;charset=utf-8");
    assert!(!answer.text.contains("<script"), "{}", answer.text);
    assert!(
        answer
            .text
            .contains("<div id=\"kc-header-wrapper\">Blue</div>"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn the_stylesheet_is_kept_by_its_version() {
    let realm = Realm::new().await;
    let login = page(
        &format!("{}/realms/{}/account", server().url, realm.name),
        &[],
    )
    .await;
    let shown = page(&login.location, &[]).await;
    let (_, rest) = shown.text.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let path = rest.split('"').next().unwrap();
    let style = page(&format!("{}{path}", server().url), &[]).await;
    assert_eq!(style.status, 200);
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(
        style.headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    let (bare, _) = path.split_once('?').unwrap();
    let other = page(&format!("{}{bare}?other", server().url), &[]).await;
    assert_eq!(other.headers["cache-control"], "public, max-age=300");
}
