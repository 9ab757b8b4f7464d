//! Identity tokens that are traded in for others, where a program asks for it.

use crate::docker_identity::session;
use crate::support::{Realm, claims};

#[tokio::test]
async fn a_token_is_rotated_on_request_and_its_use_after_that_ends_the_family() {
    let realm = Realm::new().await;
    let offline = [("access_type", "offline")];
    let first = realm.docker_login("alice", "secret").await;
    let answer = realm.refresh(&first, &offline).await.json;
    let second = answer["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(session(&first), session(second));

    // For ten seconds both are good, and whoever rotates the old one again gets the same.
    realm.is_good(&first).await;
    let again = realm.refresh(&first, &offline).await.json;
    let again = again["refresh_token"].as_str().unwrap();
    assert_eq!(claims(again)["jti"], claims(second)["jti"]);
    realm.let_pass(9).await;
    realm.is_good(&first).await;
    realm.is_good(second).await;

    realm.let_pass(2).await;
    realm.is_good(second).await;
    assert_eq!(realm.identity_sessions().await.len(), 1);
    realm.is_refused(&first).await;
    assert_eq!(realm.identity_sessions().await.len(), 0);
    realm.is_refused(second).await;
}

#[tokio::test]
async fn a_token_two_rotations_old_ends_the_family_but_none_goes_before_its_ten_seconds() {
    let realm = Realm::new().await;
    let offline = [("access_type", "offline")];
    let rotated = async |token: &str| {
        let answer = realm.refresh(token, &offline).await.json;
        answer["refresh_token"].as_str().unwrap().to_owned()
    };
    let id = |token: &str| claims(token)["jti"].clone();
    let first = realm.docker_login("alice", "secret").await;
    let second = rotated(&first).await;
    assert_eq!(id(&rotated(&second).await), id(&second));
    realm.is_good(&first).await;

    realm.let_pass(11).await;
    let third = rotated(&second).await;
    assert_ne!(id(&third), id(&second));
    realm.is_good(&third).await;
    realm.is_refused(&first).await;
    realm.is_refused(&third).await;
}

#[tokio::test]
async fn of_many_rotations_at_once_all_who_are_answered_go_on_with_one_token() {
    let realm = Realm::new().await;
    let first = realm.docker_login("alice", "secret").await;
    let offline = [("access_type", "offline")];
    let answers = (0..8).map(|_| realm.refresh(&first, &offline));
    let answers = futures_util::future::join_all(answers).await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{}", answer.json);
            claims(answer.json["refresh_token"].as_str().unwrap())["jti"].clone()
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}
