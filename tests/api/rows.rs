//! What the database holds, for tests that say that nothing was written.

use sqlx::{Connection as _, PgConnection};

use crate::support::server;

/// Tables with rows of a realm, but for what reading and logging in writes: events, sessions, failures.
const TABLES: [&str; 24] = [
    "realm_ca",
    "component",
    "realm_key",
    "role",
    "role_composite",
    "user_entity",
    "credential",
    "user_role",
    "group_entity",
    "group_role",
    "user_group",
    "default_group",
    "client",
    "protocol_mapper",
    "client_scope",
    "default_client_scope",
    "client_scope_client",
    "scope_mapping",
    "user_session",
    "offline_session",
    "revoked_token",
    "admin_event",
    "identity_provider",
    "identity_provider_mapper",
];

/// A connection of the test's own: one of the server's pool would end with the test's runtime.
pub async fn connect() -> PgConnection {
    let options = server().state.pool.connect_options();
    PgConnection::connect_with(&options).await.unwrap()
}

/// One text for all rows of a realm: equal before and after means that nothing was written.
pub async fn snapshot(realm: &str) -> String {
    let mut db = connect().await;
    let mut digests = String::new();
    let own = "select md5(string_agg(r::text, '')) from realm r where name = $1";
    let others = TABLES.map(|table| {
        format!(
            "select md5(string_agg(t::text, '' order by t::text)) from {table} t join realm r on r.id = t.realm_id \
             where r.name = $1"
        )
    });
    for sql in std::iter::once(own.to_owned()).chain(others) {
        let digest: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(realm)
            .fetch_one(&mut db)
            .await
            .unwrap();
        digests.push_str(&digest.unwrap_or_default());
        digests.push('\n');
    }
    digests
}

/// Runs a statement with a realm's name as `$1`.
pub async fn execute(sql: &'static str, realm: &str) {
    let mut db = connect().await;
    sqlx::query(sql).bind(realm).execute(&mut db).await.unwrap();
}

/// All that the database holds of a realm, key material and all, as text.
pub async fn dump(realm: &str) -> String {
    let mut db = connect().await;
    let mut text = String::new();
    let own = "select r::text from realm r where name = $1".to_owned();
    let others = TABLES.map(|table| {
        format!("select t::text from {table} t join realm r on r.id = t.realm_id where r.name = $1")
    });
    for sql in std::iter::once(own).chain(others) {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(realm)
            .fetch_all(&mut db)
            .await
            .unwrap();
        text.push_str(&rows.join("\n"));
    }
    text
}
