//! Going on with a session, and refresh tokens that are good a limited number of times.

use user::session::{self, Over, Part, Span, Use, Used};
use uuid::Uuid;

use crate::{Fixture, LIMITS, with_database};

const NOW: i64 = 1_800_000_000;

fn online(session: &str, client: Uuid) -> Part<'_> {
    Part {
        session,
        client,
        offline: false,
    }
}

async fn login(t: &Fixture, user: &str) -> String {
    let user = t.user(user).await;
    session::create(&t.pool, t.realm.id, t.login(user, "192.0.2.1", NOW))
        .await
        .unwrap()
}

#[test]
fn a_session_goes_on_with_its_user_as_he_is_now() {
    with_database(async |t| {
        let realm = t.realm.id;
        let id = login(&t, "alice").await;
        let resume = async |part, limits, now| {
            session::resume(&t.pool, realm, part, limits, now)
                .await
                .unwrap()
        };
        let mine = online(&id, t.client);
        let found = resume(mine, &LIMITS, NOW + 100).await.unwrap();
        assert_eq!(found.user, t.find(found.user.id).await);
        assert_eq!(found.times.last_written(), NOW);

        session::touch(&t.pool, realm, mine, NOW + 100)
            .await
            .unwrap();
        session::touch(&t.pool, realm, mine, NOW + 50)
            .await
            .unwrap();
        let times = resume(mine, &LIMITS, NOW + 100).await.unwrap().times;
        assert_eq!((times.started, times.last_written()), (NOW, NOW + 100));

        let over = async |part, now| resume(part, &LIMITS, now).await.unwrap_err();
        assert_eq!(over(online("nosuch", t.client), NOW).await, Over::Missing);
        let offline = Part {
            offline: true,
            ..mine
        };
        assert_eq!(over(offline, NOW).await, Over::Missing);
        assert_eq!(
            over(online(&id, Uuid::new_v4()), NOW).await,
            Over::WithoutClient
        );
        assert_eq!(over(mine, NOW + 1900).await, Over::Session);
        let mut short = LIMITS;
        short.client = Span {
            idle: 60,
            lifespan: 200,
        };
        assert!(resume(mine, &short, NOW + 159).await.is_ok());
        assert_eq!(
            resume(mine, &short, NOW + 160).await.unwrap_err(),
            Over::Client
        );

        assert!(session::leave(&t.pool, realm, mine).await.unwrap());
        assert!(!session::leave(&t.pool, realm, mine).await.unwrap());
        assert_eq!(over(mine, NOW + 100).await, Over::WithoutClient);
        for at in [NOW + 200, NOW + 300] {
            let joined = session::join(&t.pool, realm, &id, t.client, at).await;
            assert!(joined.unwrap());
        }
        let times = resume(mine, &LIMITS, NOW + 300).await.unwrap().times;
        assert_eq!(times.client.unwrap().started, NOW + 200);
        let joined = session::join(&t.pool, realm, "nosuch", t.client, NOW).await;
        assert!(!joined.unwrap());
    });
}

#[test]
fn a_token_is_good_as_often_as_may_be_and_not_after_a_later_one() {
    with_database(async |t| {
        let id = login(&t, "alice").await;
        let part = online(&id, t.client);
        let take = async |chain, generation, token, max_reuse| {
            let token = Use {
                chain,
                generation,
                token,
                max_reuse,
            };
            session::use_token(&t.pool, t.realm.id, part, token, NOW + 9)
                .await
                .unwrap()
        };
        assert_eq!(take("a", 0, "one", 1).await, Used::Good);
        assert_eq!(take("a", 0, "one", 1).await, Used::Good);
        assert_eq!(
            take("b", 0, "other", 0).await,
            Used::Good,
            "another sign-in"
        );
        assert_eq!(take("a", 0, "one", 1).await, Used::TooOften);
        assert_eq!(take("a", 1, "two", 1).await, Used::Good);
        assert_eq!(take("a", 1, "two's sibling", 1).await, Used::Stale);
        assert_eq!(take("a", 0, "one", 1).await, Used::Stale);
        assert_eq!(take("b", 0, "other", 0).await, Used::TooOften);
        let seen = session::find(&t.pool, t.realm.id, &id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(seen.last_refresh, NOW + 9);

        session::leave(&t.pool, t.realm.id, part).await.unwrap();
        assert_eq!(take("a", 1, "two", 1).await, Used::WithoutClient);
        let left: i64 = sqlx::query_scalar("select count(*) from refresh_chain")
            .fetch_one(&t.pool)
            .await
            .unwrap();
        assert_eq!(left, 0);
    });
}

#[test]
fn of_50_uses_of_a_token_at_once_one_is_good() {
    with_database(async |t| {
        let id = login(&t, "alice").await;
        let uses = (0..50).map(|_| {
            let (pool, realm, client, id) = (t.pool.clone(), t.realm.id, t.client, id.clone());
            tokio::spawn(async move {
                let token = Use {
                    chain: "a",
                    generation: 0,
                    token: "one",
                    max_reuse: 0,
                };
                let part = online(&id, client);
                let used = session::use_token(&pool, realm, part, token, NOW)
                    .await
                    .unwrap();
                if used == Used::TooOften {
                    session::leave(&pool, realm, part).await.unwrap();
                }
                used
            })
        });
        let mut good = 0;
        for used in uses.collect::<Vec<_>>() {
            good += u32::from(used.await.unwrap() == Used::Good);
        }
        assert_eq!(good, 1);
    });
}

#[test]
fn a_session_that_ends_while_it_is_refreshed_makes_nobody_wait_for_ever() {
    with_database(async |t| {
        let user = t.user("alice").await;
        for round in 0..20 {
            let new = t.login(user, "192.0.2.1", NOW);
            let id = session::create(&t.pool, t.realm.id, new).await.unwrap();
            let work = (0..8).map(|number| {
                let (pool, realm, client, id) = (t.pool.clone(), t.realm.id, t.client, id.clone());
                tokio::spawn(async move {
                    let part = online(&id, client);
                    match number {
                        0 => drop(session::end(&pool, realm, &id).await.unwrap()),
                        1 => session::revoke(&pool, realm, part).await.unwrap(),
                        2 => drop(session::leave(&pool, realm, part).await.unwrap()),
                        3 | 4 => session::touch(&pool, realm, part, NOW + round)
                            .await
                            .unwrap(),
                        _ => {
                            let token = Use {
                                chain: "a",
                                generation: number,
                                token: "t",
                                max_reuse: 9,
                            };
                            session::use_token(&pool, realm, part, token, NOW)
                                .await
                                .unwrap();
                        }
                    }
                })
            });
            for one in work.collect::<Vec<_>>() {
                one.await.unwrap();
            }
            assert_eq!(session::find(&t.pool, t.realm.id, &id).await.unwrap(), None);
        }
    });
}

#[test]
fn the_part_of_a_client_with_limits_of_its_own_is_swept() {
    with_database(async |t| {
        let id = login(&t, "alice").await;
        let sweep = async |now| session::sweep_parts(&t.pool, now, 10).await.unwrap();
        assert_eq!(sweep(NOW + 1_000_000).await, 0);
        let set = async |attributes: &str| {
            sqlx::query("update client set settings = settings || jsonb_build_object('attributes', $1::jsonb)")
                .bind(attributes)
                .execute(&t.pool)
                .await
                .unwrap();
        };
        set(r#"{"client.session.idle.timeout": "soon"}"#).await;
        assert_eq!(sweep(NOW + 1_000_000).await, 0);
        set(r#"{"client.session.idle.timeout": "60"}"#).await;
        assert_eq!(sweep(NOW + 59).await, 0);
        assert_eq!(sweep(NOW + 60).await, 1);
        let left = session::find(&t.pool, t.realm.id, &id)
            .await
            .unwrap()
            .unwrap();
        assert!(left.clients.is_empty());
    });
}

#[test]
fn revoking_ends_a_session_with_its_last_client() {
    with_database(async |t| {
        let (realm, id) = (t.realm.id, login(&t, "alice").await);
        let other = t.other_client("other").await;
        session::join(&t.pool, realm, &id, other, NOW)
            .await
            .unwrap();
        let left = async || session::find(&t.pool, realm, &id).await.unwrap();
        session::revoke(&t.pool, realm, online(&id, t.client))
            .await
            .unwrap();
        let clients = left().await.unwrap().clients;
        assert_eq!(clients.into_keys().collect::<Vec<_>>(), [other]);
        session::revoke(&t.pool, realm, online(&id, other))
            .await
            .unwrap();
        assert_eq!(left().await, None);
    });
}
