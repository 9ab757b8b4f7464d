//! Client scopes and their links.

use client::scope::{self, link};
use client::{ClientScope, Mapper, Owner, mapper};
use realm::Error;
use realm::role::{self, NewRole};
use uuid::Uuid;

use crate::support::Db;

fn read(text: &str) -> ClientScope {
    ClientScope::from_rep(&serde_json::from_str(text).unwrap()).unwrap()
}

pub fn named(name: &str) -> ClientScope {
    read(&format!(
        r#"{{"name":"{name}","protocol":"openid-connect","protocolMappers":[{{"name":"m","protocol":"p","protocolMapper":"t","config":{{"k":"v"}}}}]}}"#
    ))
}

impl Db {
    pub async fn scope(&self, name: &str) -> ClientScope {
        let scope = named(name);
        scope::create(&self.pool, self.realm.id, &scope)
            .await
            .unwrap();
        scope
    }

    pub async fn role(&self, client: Option<Uuid>, name: &str, contains: &[Uuid]) -> Uuid {
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

    pub async fn names(&self, client: Uuid) -> (Vec<String>, Vec<String>) {
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
