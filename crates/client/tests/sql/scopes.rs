//! Client scopes, their links and mappings. Longer than other files are: one noun, all that SQL does with it.

use client::scope::{self, link, mapping};
use client::{ClientScope, Clients, Mapper, Owner, mapper};
use realm::Error;
use realm::role::{self, NewRole, Of, Role};
use uuid::Uuid;

use crate::support::Db;

fn read(text: &str) -> ClientScope {
    ClientScope::from_rep(&serde_json::from_str(text).unwrap()).unwrap()
}

fn named(name: &str) -> ClientScope {
    read(&format!(
        r#"{{"name":"{name}","protocol":"openid-connect","protocolMappers":[{{"name":"m","protocol":"p","protocolMapper":"t","config":{{"k":"v"}}}}]}}"#
    ))
}

impl Db {
    async fn scope(&self, name: &str) -> ClientScope {
        let scope = named(name);
        scope::create(&self.pool, self.realm.id, &scope)
            .await
            .unwrap();
        scope
    }

    async fn role(&self, client: Option<Uuid>, name: &str, contains: &[Uuid]) -> Uuid {
        let id = Uuid::new_v4();
        let new = NewRole {
            id,
            client_id: client,
            name: name.to_owned(),
            ..NewRole::default()
        };
        role::create(&self.pool, self.realm.id, &new).await.unwrap();
        role::add_composites(&self.pool, self.realm.id, id, contains)
            .await
            .unwrap();
        id
    }

    async fn names(&self, client: Uuid) -> (Vec<String>, Vec<String>) {
        let found = client::find(&self.pool, self.realm.id, client)
            .await
            .unwrap()
            .unwrap();
        (
            found.default_client_scopes().to_vec(),
            found.optional_client_scopes().to_vec(),
        )
    }
}

fn roles(found: &[Role]) -> Vec<&str> {
    found.iter().map(|role| role.name.as_str()).collect()
}

#[tokio::test]
async fn scopes_are_created_found_listed_changed_and_deleted_with_their_mappers() {
    let db = Db::new().await;
    let realm = db.realm.id;
    let (b, a) = (db.scope("b").await, db.scope("a").await);
    assert_eq!(
        scope::find(&db.pool, realm, a.id).await.unwrap(),
        Some(a.clone())
    );
    assert_eq!(
        scope::list(&db.pool, realm).await.unwrap(),
        [a.clone(), b.clone()]
    );

    let change = serde_json::from_str(r#"{"name":"c","attributes":{"x":"y"}}"#).unwrap();
    let changed = a.merged(&change).unwrap();
    assert!(scope::update(&db.pool, realm, &changed).await.unwrap());
    assert_eq!(
        scope::find(&db.pool, realm, a.id).await.unwrap(),
        Some(changed)
    );
    assert!(scope::delete(&db.pool, realm, a.id).await.unwrap());
    assert!(!scope::delete(&db.pool, realm, a.id).await.unwrap());
    assert!(!scope::update(&db.pool, realm, &a).await.unwrap());
    let left = mapper::list(&db.pool, realm, Owner::Scope(a.id), None).await;
    assert!(left.unwrap().is_empty());
}

#[tokio::test]
async fn a_scope_name_is_unique_in_its_realm_only() {
    let db = Db::new().await;
    let (realm, other) = (db.realm.id, db.other_realm().await);
    let email = db.scope("email").await;
    scope::create(&db.pool, other, &named("email"))
        .await
        .unwrap();
    let again = scope::create(&db.pool, realm, &named("email"))
        .await
        .unwrap_err();
    assert!(
        matches!(&again, Error::Duplicate(key) if key == "client_scope_name_key"),
        "{again}"
    );
    let phone = db.scope("phone").await;
    let clash = scope::update(
        &db.pool,
        realm,
        &ClientScope {
            name: "email".to_owned(),
            ..phone
        },
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&clash, Error::Duplicate(key) if key == "client_scope_name_key"),
        "{clash}"
    );
    assert_eq!(scope::find(&db.pool, other, email.id).await.unwrap(), None);
    assert!(!scope::delete(&db.pool, other, email.id).await.unwrap());
}

#[tokio::test]
async fn a_mapper_belongs_to_a_client_or_to_a_scope() {
    let db = Db::new().await;
    let (realm, scope) = (db.realm.id, db.scope("s").await);
    let web = db.stored(r#"{"clientId":"web"}"#).await.id;
    let own = mapper::list(&db.pool, realm, Owner::Scope(scope.id), None).await;
    assert_eq!(own.unwrap(), scope.mappers);
    let same = Mapper {
        id: Uuid::new_v4(),
        ..scope.mappers[0].clone()
    };
    mapper::create(&db.pool, realm, Owner::Client(web), &same)
        .await
        .unwrap();
    let again = Mapper {
        id: Uuid::new_v4(),
        ..same.clone()
    };
    let clash = mapper::create(&db.pool, realm, Owner::Scope(scope.id), &again)
        .await
        .unwrap_err();
    assert!(
        matches!(&clash, Error::Duplicate(key) if key == "protocol_mapper_scope_name_key"),
        "{clash}"
    );
    // Ids of the other kind name nothing.
    for owner in [Owner::Scope(web), Owner::Client(scope.id)] {
        assert!(
            mapper::list(&db.pool, realm, owner, None)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            !mapper::delete(&db.pool, realm, owner, same.id)
                .await
                .unwrap()
        );
    }
}

#[tokio::test]
async fn a_client_is_stored_with_the_scopes_that_there_are_for_its_protocol() {
    let db = Db::new().await;
    for name in ["email", "phone"] {
        db.scope(name).await;
    }
    scope::create(
        &db.pool,
        db.realm.id,
        &read(r#"{"name":"dock","protocol":"docker-v2"}"#),
    )
    .await
    .unwrap();
    let web = db
        .stored(
            r#"{"clientId":"web","defaultClientScopes":["phone","nosuch","dock","email"],"optionalClientScopes":["email"]}"#,
        )
        .await;
    let (default, optional) = db.names(web.id).await;
    assert_eq!(default, ["phone", "email"]);
    assert!(optional.is_empty());
}

#[tokio::test]
async fn the_first_way_in_which_a_client_has_a_scope_stays_until_it_is_taken() {
    let db = Db::new().await;
    let (realm, email) = (db.realm.id, db.scope("email").await.id);
    let dock = read(r#"{"name":"dock","protocol":"docker-v2"}"#);
    scope::create(&db.pool, realm, &dock).await.unwrap();
    let web = db.stored(r#"{"clientId":"web"}"#).await.id;
    for (scope, is_default) in [(email, false), (email, true), (dock.id, true)] {
        link::add(&db.pool, realm, web, scope, is_default)
            .await
            .unwrap();
    }
    assert_eq!(db.names(web).await, (vec![], vec!["email".to_owned()]));
    let other = db.other_realm().await;
    link::remove(&db.pool, other, web, email).await.unwrap();
    assert_eq!(db.names(web).await.1, ["email"]);
    link::remove(&db.pool, realm, web, email).await.unwrap();
    assert_eq!(db.names(web).await, (vec![], vec![]));

    link::set_by_name(&db.pool, realm, web, "email", true)
        .await
        .unwrap();
    link::set_by_name(&db.pool, realm, web, "nosuch", true)
        .await
        .unwrap();
    assert_eq!(db.names(web).await.0, ["email"]);
    scope::delete(&db.pool, realm, email).await.unwrap();
    assert_eq!(db.names(web).await, (vec![], vec![]));
}

#[tokio::test]
async fn what_new_clients_get_is_listed_in_the_order_in_which_it_was_set() {
    let db = Db::new().await;
    let realm = db.realm.id;
    let (a, b, c) = (
        db.scope("a").await,
        db.scope("b").await,
        db.scope("c").await,
    );
    link::add_defaults(&db.pool, realm, &[(c.id, true), (a.id, false)])
        .await
        .unwrap();
    link::add_defaults(&db.pool, realm, &[(b.id, true)])
        .await
        .unwrap();
    let names = async || {
        let links = link::defaults(&db.pool, realm).await.unwrap();
        links
            .into_iter()
            .map(|link| (link.name, link.is_default))
            .collect::<Vec<_>>()
    };
    let expected = [("c", true), ("a", false), ("b", true)];
    assert_eq!(names().await, expected.map(|(n, d)| (n.to_owned(), d)));
    let again = link::add_defaults(&db.pool, realm, &[(c.id, false)])
        .await
        .unwrap_err();
    assert!(matches!(again, Error::Duplicate(_)), "{again}");
    link::remove_default(&db.pool, realm, c.id).await.unwrap();
    scope::delete(&db.pool, realm, a.id).await.unwrap();
    assert_eq!(names().await, [("b".to_owned(), true)]);
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
