use client::{Access, Filter, client_ids, secret};
use realm::Error;
use uuid::Uuid;

use crate::support::Db;

#[tokio::test]
async fn a_stored_client_comes_back_whole_in_one_query() {
    let db = Db::new().await;
    let sent = r#"{"clientId":"web","name":"N","description":"d","secret":"s3","redirectUris":["https://a.example/*"],
        "attributes":{"access.token.lifespan":60,"x":"ü"},"serviceAccountsEnabled":true,
        "protocolMappers":[{"name":"b","protocol":"p","protocolMapper":"t","config":{"k":"v"}},
                           {"name":"a","protocol":"p","protocolMapper":"t"}]}"#;
    let new = db.stored(sent).await;

    let found = client::find(&db.pool, db.realm.id, new.id)
        .await
        .unwrap()
        .unwrap();
    let same = client::find_by_client_id(&db.pool, db.realm.id, "web")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.to_rep(None, None), same.to_rep(None, None));
    assert_eq!(found.settings, new.settings);
    assert_eq!(
        (found.realm_id, found.id, found.client_id.as_str()),
        (db.realm.id, new.id, "web")
    );
    assert_eq!(
        found
            .mappers
            .iter()
            .map(|mapper| mapper.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(found.mappers[1].config["k"], "v");
    assert_eq!(
        (found.access_token_lifespan(), found.attribute("x")),
        (Some(60), Some("ü"))
    );
    assert!(found.enabled && found.service_accounts_enabled() && found.full_scope_allowed());
    assert!(!found.public_client() && !found.bearer_only() && !found.consent_required());
    assert!(found.standard_flow_enabled() && !found.direct_access_grants_enabled());
    assert_eq!(found.web_origins(), ["https://a.example"]);

    let access = Access {
        view: true,
        configure: true,
        manage: true,
    };
    let rep = found.to_rep(
        secret::reveal(&db.sealer, &found)
            .unwrap()
            .as_deref()
            .map(String::as_str),
        Some(access),
    );
    assert_eq!(
        (rep.secret.as_deref(), rep.access),
        (Some("s3"), Some(access))
    );
}

#[tokio::test]
async fn a_client_of_another_realm_is_not_found_by_any_means() {
    let db = Db::new().await;
    let other = db.other_realm().await;
    let new = db.stored(r#"{"clientId":"web"}"#).await;

    assert!(
        client::find(&db.pool, other, new.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        client::find_for_update(&db.pool, other, new.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        client::find_by_client_id(&db.pool, other, "web")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        client::list(&db.pool, other, Filter::All, None, None)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        client_ids(&db.pool, other, &[new.id])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        secret::regenerate(&db.pool, other, &db.sealer, new.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!client::delete(&db.pool, other, new.id).await.unwrap());
    assert!(
        client::find(&db.pool, db.realm.id, new.id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_taken_client_id_is_a_duplicate_on_create_and_on_update() {
    let db = Db::new().await;
    let web = db.stored(r#"{"clientId":"web"}"#).await;
    db.stored(r#"{"clientId":"svc"}"#).await;

    let again = client::create(&db.pool, &db.client(r#"{"clientId":"web"}"#))
        .await
        .unwrap_err();
    assert!(
        matches!(&again, Error::Duplicate(key) if key == "client_client_id_key"),
        "{again}"
    );
    let same_id = db.client(&format!(r#"{{"id":"{}","clientId":"new"}}"#, web.id));
    let taken = client::create(&db.pool, &same_id).await.unwrap_err();
    assert!(
        matches!(&taken, Error::Duplicate(key) if key == "client_pkey"),
        "{taken}"
    );

    let renamed = web
        .merged(
            &db.sealer,
            &serde_json::from_str(r#"{"clientId":"svc"}"#).unwrap(),
        )
        .unwrap();
    let clash = client::update(&mut db.pool.acquire().await.unwrap(), &web, &renamed)
        .await
        .unwrap_err();
    assert!(
        matches!(&clash, Error::Duplicate(key) if key == "client_client_id_key"),
        "{clash}"
    );
}

#[tokio::test]
async fn an_update_writes_the_merged_client_and_its_mappers() {
    let db = Db::new().await;
    let mapper = r#"{"name":"m","protocol":"p","protocolMapper":"t"}"#;
    let before = db
        .stored(&format!(
            r#"{{"clientId":"web","name":"N","protocolMappers":[{mapper}]}}"#
        ))
        .await;

    let change = r#"{"clientId":"w2","enabled":false,"attributes":{"a":"1"},
        "protocolMappers":[{"name":"n","protocol":"p","protocolMapper":"u","config":{"k":"v"}}]}"#;
    let after = before
        .merged(&db.sealer, &serde_json::from_str(change).unwrap())
        .unwrap();
    let mut transaction = db.pool.begin().await.unwrap();
    client::find_for_update(&mut *transaction, db.realm.id, before.id)
        .await
        .unwrap()
        .unwrap();
    assert!(
        client::update(&mut transaction, &before, &after)
            .await
            .unwrap()
    );
    transaction.commit().await.unwrap();

    let found = client::find(&db.pool, db.realm.id, before.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            found.client_id.as_str(),
            found.enabled,
            found.settings.name.as_deref()
        ),
        ("w2", false, Some("N"))
    );
    assert_eq!(
        (found.attribute("a"), found.attribute("realm_client")),
        (Some("1"), Some("false"))
    );
    assert_eq!(found.mappers, after.mappers);
    assert!(
        secret::reveal(&db.sealer, &found).unwrap() == secret::reveal(&db.sealer, &before).unwrap()
    );

    let gone = db.client(r#"{"clientId":"gone"}"#);
    assert!(
        !client::update(&mut db.pool.acquire().await.unwrap(), &gone, &gone)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn what_an_administrator_reads_and_writes_back_changes_nothing() {
    let db = Db::new().await;
    let mapper = r#"{"name":"m","protocol":"p","protocolMapper":"t","config":{"k":"v"}}"#;
    let before = db
        .stored(&format!(
            r#"{{"clientId":"web","secret":"s3","protocolMappers":[{mapper}]}}"#
        ))
        .await;
    let mut read = before.to_rep(Some(secret::MASK), Some(Access::default()));
    let after = before.merged(&db.sealer, &read).unwrap();
    assert!(
        client::update(&mut db.pool.acquire().await.unwrap(), &before, &after)
            .await
            .unwrap()
    );
    let found = client::find(&db.pool, db.realm.id, before.id)
        .await
        .unwrap()
        .unwrap();
    read.access = None;
    assert_eq!(found.to_rep(Some(secret::MASK), None), read);
    assert!(secret::verify(&db.sealer, &found, "s3").unwrap());
}

#[tokio::test]
async fn a_client_list_is_ordered_searched_and_paged() {
    let db = Db::new().await;
    let many: Vec<_> = ["web", "app-b", "APP-a", "100%"]
        .map(|id| db.client(&format!(r#"{{"clientId":"{id}"}}"#)))
        .into();
    client::insert_many(&db.pool, db.realm.id, &many)
        .await
        .unwrap();
    let list = async |filter, first, max| -> Vec<String> {
        let clients = client::list(&db.pool, db.realm.id, filter, first, max)
            .await
            .unwrap();
        clients.into_iter().map(|client| client.client_id).collect()
    };
    assert_eq!(
        list(Filter::All, None, None).await,
        ["100%", "APP-a", "app-b", "web"]
    );
    assert_eq!(
        list(Filter::All, Some(1), Some(2)).await,
        ["APP-a", "app-b"]
    );
    assert_eq!(list(Filter::All, Some(-1), Some(-1)).await.len(), 4);
    assert_eq!(list(Filter::All, None, Some(0)).await.len(), 0);
    assert_eq!(
        list(Filter::All, Some(i64::MAX), Some(i64::MAX))
            .await
            .len(),
        0
    );
    assert_eq!(list(Filter::ClientId("web"), None, None).await, ["web"]);
    assert_eq!(list(Filter::ClientId("we"), None, None).await.len(), 0);
    assert_eq!(
        list(Filter::Search("App"), None, None).await,
        ["APP-a", "app-b"]
    );
    assert_eq!(list(Filter::Search("%"), None, None).await, ["100%"]);
    assert_eq!(list(Filter::Search("_"), None, None).await.len(), 0);
    assert_eq!(list(Filter::Search("a\0"), None, None).await.len(), 0);

    let ids = client_ids(&db.pool, db.realm.id, &[many[0].id, Uuid::new_v4()])
        .await
        .unwrap();
    assert_eq!(ids, [(many[0].id, "web".to_owned())].into());
}

#[tokio::test]
async fn many_clients_are_stored_all_or_none() {
    let db = Db::new().await;
    let mapper = r#"{"name":"m","protocol":"p","protocolMapper":"t"}"#;
    let (one, two) = (
        db.client(&format!(
            r#"{{"clientId":"one","protocolMappers":[{mapper}]}}"#
        )),
        db.client(&format!(
            r#"{{"clientId":"two","publicClient":true,"protocolMappers":[{mapper}]}}"#
        )),
    );
    let clash = [one.clone(), two.clone(), db.client(r#"{"clientId":"two"}"#)];
    assert!(
        client::insert_many(&db.pool, db.realm.id, &clash)
            .await
            .is_err()
    );
    assert!(
        client::list(&db.pool, db.realm.id, Filter::All, None, None)
            .await
            .unwrap()
            .is_empty()
    );

    client::insert_many(&db.pool, db.realm.id, &[one, two])
        .await
        .unwrap();
    let stored = client::list(&db.pool, db.realm.id, Filter::All, None, None)
        .await
        .unwrap();
    assert_eq!(
        stored
            .iter()
            .map(|client| client.mappers.len())
            .collect::<Vec<_>>(),
        [1, 1]
    );
    assert_eq!(
        stored
            .iter()
            .map(|client| client.secret.is_some())
            .collect::<Vec<_>>(),
        [true, false]
    );
    client::insert_many(&db.pool, db.realm.id, &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn deleting_a_client_takes_its_mappers_and_roles_with_it() {
    let db = Db::new().await;
    let mapper = r#"{"name":"m","protocol":"p","protocolMapper":"t"}"#;
    let web = db
        .stored(&format!(
            r#"{{"clientId":"web","protocolMappers":[{mapper}]}}"#
        ))
        .await;
    let role = realm::role::NewRole {
        id: Uuid::new_v4(),
        client_id: Some(web.id),
        name: "push".into(),
        ..Default::default()
    };
    realm::role::create(&db.pool, db.realm.id, &role)
        .await
        .unwrap();

    assert!(client::delete(&db.pool, db.realm.id, web.id).await.unwrap());
    assert!(!client::delete(&db.pool, db.realm.id, web.id).await.unwrap());
    assert!(
        client::mapper::find(
            &db.pool,
            db.realm.id,
            client::Owner::Client(web.id),
            web.mappers[0].id
        )
        .await
        .unwrap()
        .is_none()
    );
    assert!(
        realm::role::find(&db.pool, db.realm.id, role.id)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_clients_that_administer_a_realm_are_built_in() {
    let mut db = Db::new().await;
    let [management, foreign, own] = [
        r#"{"clientId":"realm-management","attributes":{"realm_client":"true"}}"#,
        r#"{"clientId":"a-realm","attributes":{"realm_client":"true"}}"#,
        r#"{"clientId":"b-realm"}"#,
    ]
    .map(|text| db.client(text));
    assert!(
        management.is_built_in(&db.realm)
            && !foreign.is_built_in(&db.realm)
            && !own.is_built_in(&db.realm)
    );
    db.realm.name = realm::MASTER.to_owned();
    assert!(
        !management.is_built_in(&db.realm)
            && foreign.is_built_in(&db.realm)
            && !own.is_built_in(&db.realm)
    );
}
