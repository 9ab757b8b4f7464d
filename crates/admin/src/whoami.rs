//! `/admin/{realm}/console/whoami`: what the admin console shows and hides for its user.

use actix_web::HttpResponse;
use protocol::{HttpError, provision};
use serde_json::json;

use crate::Admin;
use crate::page::Query;

/// The client of the admin console, in every realm.
const CONSOLE: &str = "security-admin-console";

pub(crate) async fn get(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    // It is the user's own realm that serves the console.
    if admin.home.id != admin.realm.id {
        return Err(HttpError::plain(401, "HTTP 401 Unauthorized"));
    }
    if admin.client != CONSOLE {
        let text = format!(
            "Token issued for an application that is not the admin console: {}",
            admin.client
        );
        return Err(HttpError::plain(403, &text));
    }
    let shown = query.text("currentRealm");
    // A realm's own users administer no other, whatever they ask.
    let current = match shown.filter(|_| admin.home.is_master()) {
        Some(name) => admin
            .state()
            .realms
            .get(&name)
            .await?
            .ok_or_else(|| HttpError::plain(404, "Realm not found"))?,
        None => admin.home.clone(),
    };
    let mut roles: Vec<String> = if admin.is_superuser() {
        let client = provision::management_client(&current.name);
        let client = client::find_by_client_id(admin.db(), admin.home.id, &client).await?;
        let id = client.map(|client| client.id).unwrap_or_default();
        let all = realm::role::list(admin.db(), admin.home.id, Some(id), None, None, None).await?;
        all.into_iter().map(|role| role.name).collect()
    } else {
        let client = if admin.home.is_master() {
            provision::management_client(&current.name)
        } else {
            client::REALM_MANAGEMENT.to_owned()
        };
        admin
            .names
            .clients
            .get(&client)
            .cloned()
            .unwrap_or_default()
    };
    if admin.is_superuser() {
        roles.push("admin".to_owned());
    }
    let create_realm = admin.require_create_realm().is_ok();
    if roles.is_empty() && !create_realm {
        return Err(HttpError::plain(403, "No realm access"));
    }
    let unknown = || HttpError::plain(401, "HTTP 401 Unauthorized");
    let user = user::find(admin.db(), admin.home.id, admin.user)
        .await?
        .ok_or_else(unknown)?;
    let whole = [&user.first_name, &user.last_name]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    let locale = user
        .attributes
        .get("locale")
        .and_then(|values| values.get(0)?.as_str())
        .unwrap_or("en");
    Ok(HttpResponse::Ok().json(json!({
        "userId": user.id,
        "realm": admin.home.name,
        "displayName": if whole.is_empty() { &user.username } else { &whole },
        "locale": locale,
        "temporary": false,
        "createRealm": create_realm,
        "realm_access": { current.name.clone(): roles },
    })))
}
