//! Scope mappings, and what of scopes a node keeps in memory.

use client::scope::{self, link, mapping};
use client::{Clients, Owner, mapper};
use realm::Error;
use realm::role::{self, Of, Role};
use uuid::Uuid;

use crate::scopes::named;
use crate::support::Db;

fn roles(found: &[Role]) -> Vec<&str> {
    found.iter().map(|role| role.name.as_str()).collect()
}

#[tokio::test]
async fn scope_mappings_are_listed_directly_effectively_and_by_what_is_left() {
    let db = Db::new().await;
    let realm = db.realm.id;
    let web = db.stored(r#"{"clientId":"web"}"#).await.id;
    let api = db.stored(r#"{"clientId":"api"}"#).await.id;
    let scope = db.scope("s").await.id;
    let push = db.role(Some(api), "push", &[]).await;
    let all = db.role(None, "all", &[push]).await;
    db.role(None, "other", &[]).await;
    db.role(Some(web), "own", &[]).await;
    let (of_web, of_scope) = (Owner::Client(web), Owner::Scope(scope));
    for owner in [of_web, of_scope] {
        mapping::add(&db.pool, realm, owner, &[all, all])
            .await
            .unwrap();
        mapping::add(&db.pool, realm, owner, &[all]).await.unwrap();
        let direct = mapping::direct(&db.pool, realm, owner, Of::All).await;
        assert_eq!(roles(&direct.unwrap()), ["all"]);
        let left = mapping::available(&db.pool, realm, owner, Of::Realm).await;
        assert_eq!(roles(&left.unwrap()), ["other"]);
        let effective = mapping::effective(&db.pool, realm, owner, Of::Client(api)).await;
        assert_eq!(roles(&effective.unwrap()), ["push"]);
    }
    // A client's own roles get through without a mapping, and none could be mapped.
    let own = Of::Client(web);
    let effective = mapping::effective(&db.pool, realm, of_web, own).await;
    assert_eq!(roles(&effective.unwrap()), ["own"]);
    let left = mapping::available(&db.pool, realm, of_web, own).await;
    assert!(left.unwrap().is_empty());
    let effective = mapping::effective(&db.pool, realm, of_scope, own).await;
    assert!(effective.unwrap().is_empty());
    let left = mapping::available(&db.pool, realm, of_scope, own).await;
    assert_eq!(roles(&left.unwrap()), ["own"]);

    mapping::remove(&db.pool, realm, of_web, &[all, push])
        .await
        .unwrap();
    let named = mapping::all(&db.pool, realm).await.unwrap();
    assert_eq!(named.len(), 1);
    assert_eq!(
        (
            named[0].client.as_deref(),
            named[0].client_scope.as_deref(),
            named[0].role.as_str()
        ),
        (None, Some("s"), "all")
    );
    role::delete(&db.pool, realm, all).await.unwrap();
    assert!(mapping::all(&db.pool, realm).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_mapping_joins_what_is_there_and_of_one_realm() {
    let db = Db::new().await;
    let (realm, other) = (db.realm.id, db.other_realm().await);
    let scope = Owner::Scope(db.scope("s").await.id);
    let role = db.role(None, "r", &[]).await;
    for (realm, owner, role) in [
        (realm, Owner::Scope(Uuid::new_v4()), role),
        (realm, Owner::Client(Uuid::new_v4()), role),
        (realm, scope, Uuid::new_v4()),
        (other, scope, role),
    ] {
        let error = mapping::add(&db.pool, realm, owner, &[role])
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Missing(_)), "{error}");
    }
    assert!(mapping::all(&db.pool, realm).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_in_memory_knows_its_scopes_and_all_roles_that_get_through() {
    let db = Db::new().await;
    let realm = db.realm.id;
    let scope = db.scope("s").await;
    let web = db
        .stored(r#"{"clientId":"web","fullScopeAllowed":false,"defaultClientScopes":["s"]}"#)
        .await
        .id;
    let full = db.stored(r#"{"clientId":"full"}"#).await.id;
    let inner = db.role(None, "inner", &[]).await;
    let mapped = db.role(None, "mapped", &[inner]).await;
    let deep = db.role(None, "deep", &[]).await;
    db.role(Some(web), "own", &[deep]).await;
    db.role(Some(full), "own", &[]).await;
    mapping::add(&db.pool, realm, Owner::Client(web), &[mapped])
        .await
        .unwrap();
    mapping::add(&db.pool, realm, Owner::Scope(scope.id), &[mapped])
        .await
        .unwrap();

    let clients = Clients::new();
    let known = clients.get(&db.pool, &db.realm, "web").await.unwrap();
    let known = known.unwrap();
    let role = |client: Option<&str>, name: &str| (client.map(str::to_owned), name.to_owned());
    let through = [
        role(Some("web"), "own"),
        role(None, "deep"),
        role(None, "mapped"),
        role(None, "inner"),
    ];
    assert_eq!(known.roles, through.into());
    let of_scope = &known.scopes["s"];
    assert_eq!(of_scope.scope, scope);
    let through = [role(None, "mapped"), role(None, "inner")];
    assert_eq!(of_scope.roles, through.into());
    assert_eq!(known.default_client_scopes(), ["s"]);
    let full = clients.get(&db.pool, &db.realm, "full").await.unwrap();
    assert!(full.unwrap().roles.is_empty());
}

#[tokio::test]
async fn every_change_that_tokens_depend_on_is_told() {
    let db = Db::new().await;
    let realm = db.realm.id;
    let web = db.stored(r#"{"clientId":"web"}"#).await.id;
    let (scope, role) = (db.scope("s").await, db.role(None, "r", &[]).await);
    let inner = db.role(None, "inner", &[]).await;
    let owner = Owner::Scope(scope.id);
    let mut listener = sqlx::postgres::PgListener::connect_with(&db.pool)
        .await
        .unwrap();
    listener.listen("realm_changed").await.unwrap();
    let renamed = Role {
        id: role,
        client_id: None,
        name: "r2".to_owned(),
        description: None,
        composite: false,
        attributes: role::Attributes::default(),
    };
    for step in 0..9 {
        match step {
            0 => scope::create(&db.pool, realm, &named("t")).await,
            1 => scope::update(&db.pool, realm, &scope).await.map(drop),
            2 => link::add(&db.pool, realm, web, scope.id, true).await,
            3 => mapping::add(&db.pool, realm, owner, &[role]).await,
            4 => role::add_composites(&db.pool, realm, role, &[inner]).await,
            5 => role::update(&db.pool, realm, &renamed).await.map(drop),
            6 => mapper::delete(&db.pool, realm, owner, scope.mappers[0].id)
                .await
                .map(drop),
            7 => link::remove(&db.pool, realm, web, scope.id).await,
            _ => scope::delete(&db.pool, realm, scope.id).await.map(drop),
        }
        .unwrap();
        // Notices come in the order of the commits, so what this step told stands before the mark.
        let mark = format!("mark {step} of {realm}");
        sqlx::query("select pg_notify('realm_changed', $1)")
            .bind(&mark)
            .execute(&db.pool)
            .await
            .unwrap();
        let mut told = false;
        loop {
            let notice = listener.recv().await.unwrap();
            told |= notice.payload() == realm.to_string();
            if notice.payload() == mark {
                break;
            }
        }
        assert!(told, "step {step}");
    }
}
