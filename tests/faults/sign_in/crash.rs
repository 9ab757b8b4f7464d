//! Postgres or a node dies while people sign in.

use super::*;

/// What answers of a server error there were, and when.
struct Errors<'a> {
    node: &'a Node,
    seen: Mutex<Vec<(Instant, String)>>,
    done: AtomicBool,
}

impl Errors<'_> {
    /// Begins logins and shows tokens until it is told to stop.
    fn watch(&self, access: &str) {
        while !self.done.load(Ordering::Relaxed) {
            let begin = Request::new("GET", auth_path(REALM, "app", "openid"));
            let show = Request::new("GET", endpoint("userinfo")).bearer(access);
            let spend = post(
                &endpoint("token"),
                &[&APP[..], &redemption("x.y.z")].concat(),
            );
            for request in [begin, show, spend] {
                let answer = request.send(&self.node.url).unwrap();
                if answer.status >= 500 {
                    let text = format!("{} {}: {}", request.method, request.target, answer.text());
                    self.seen.lock().unwrap().push((Instant::now(), text));
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Says that something is over, also when a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_login_goes_on_by_a_fresh_form_when_postgres_crashed_before_it_was_sent() {
    let _alone = alone();
    let mut postgres = Postgres::new();
    let database = postgres.database();
    let node = Node::start(&database);
    realm(&node, json!({"accessTokenLifespan": 600}));
    for whole in [true, false] {
        let mut before = Window::default();
        let tokens = login(&mut before, &node);
        let unspent = code(&before.get(&node, &auth_path(REALM, "app", "openid")));
        let mut window = Window::default();
        let page = window.get(&node, &auth_path(REALM, "app", "openid"));
        assert!(database.count("select count(*) from auth_session") > 0);

        let errors = Errors {
            node: &node,
            seen: Mutex::default(),
            done: AtomicBool::new(false),
        };
        let back = thread::scope(|scope| {
            let watch = scope.spawn(|| errors.watch(tokens.get("access_token")));
            let over = Over(&errors.done);
            if whole {
                postgres.stop(Stop::Immediate);
                postgres.start();
            } else {
                crash(&database);
            }
            let back = Instant::now();
            until("ready", RECOVERY + SLACK, || node.is_ready().then_some(()));
            let sent = until("an answer", RECOVERY + SLACK, || {
                let answer = window.submit(&node, &page, &credentials());
                (answer.status < 500).then_some(answer)
            });
            let (answer, _) = sent;
            assert_eq!(answer.status, 302, "{}", answer.text());
            let to = answer.header("Location").unwrap();
            assert!(to.contains("/login-actions/authenticate?"), "{to}");
            let fresh = window.follow(&node, answer);
            assert!(fresh.text().contains("kc-form-login"), "{}", fresh.text());
            let code = code(&window.submit(&node, &fresh, &credentials()));
            assert!(Tokens::of(&redeem(&node, &code)).live_at(&node));

            assert!(tokens.live_at(&node), "a session of before is gone");
            is_grant_refused(&redeem(&node, &unspent));
            let again = before.get(&node, &auth_path(REALM, "app", "openid"));
            let code = crate::window::code(&again);
            assert!(Tokens::of(&redeem(&node, &code)).live_at(&node));
            thread::sleep((RECOVERY + Duration::from_secs(1)).saturating_sub(back.elapsed()));
            drop(over);
            watch.join().unwrap();
            back
        });
        let seen = errors.seen.into_inner().unwrap();
        say(&format!(
            "{} server errors while Postgres was away",
            seen.len()
        ));
        let late = seen.iter().find(|(at, _)| *at > back + RECOVERY + SLACK);
        assert!(late.is_none(), "long after Postgres was back: {late:?}");
    }
}

/// `kill -9` of one of Postgres's processes, after which it starts all of them anew.
fn crash(database: &Database) {
    let pid = database.sql(
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() limit 1",
    );
    let began = database.sql("select count(*) from auth_session");
    assert_ne!(began, "0");
    assert!(signal(pid.parse().unwrap(), "KILL"));
    until("Postgres has begun anew", Duration::from_secs(20), || {
        let old = format!("select count(*) from pg_stat_activity where pid = {pid}");
        (database.try_sql(&old).ok()? == "0").then_some(())
    });
}

/// Where a node is killed while a form, or a code, is on its way.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While it waits for this table.
    At(&'static str),
    /// Soon after it was sent.
    After(Duration),
    /// When the answer was there.
    Answered,
}

/// Sends a request, and kills the node at the moment.
fn die(
    node: &mut Node,
    database: &Database,
    moment: Moment,
    request: &Request,
) -> Option<Response> {
    let url = node.url.clone();
    let lock = match moment {
        Moment::At(table) => Some(database.lock(table)),
        _ => None,
    };
    let answer = thread::scope(|scope| {
        let sent = scope.spawn(|| request.send(&url).ok());
        match moment {
            Moment::At(table) => {
                let sql = "select count(*) from pg_locks where not granted";
                until(table, Duration::from_secs(5), || {
                    (database.count(sql) > 0).then_some(())
                });
            }
            Moment::After(time) => thread::sleep(time),
            Moment::Answered => {
                until("an answer", Duration::from_secs(5), || {
                    sent.is_finished().then_some(())
                });
            }
        }
        node.kill();
        drop(lock);
        sent.join().unwrap()
    });
    wait_for_silence(database);
    let halves = database.count(
        "select (select count(*) from user_session s where not exists (select from client_session c \
         where c.realm_id = s.realm_id and c.session_id = s.id)) \
         + (select count(*) from authorization_code k where not used and not exists (select from client_session c \
         where c.realm_id = k.realm_id and c.session_id = k.session_id and c.client_id = k.client_id))",
    );
    assert_eq!(halves, 0, "{moment:?}: half a login is there");
    node.restart();
    answer
}

#[test]
fn a_login_is_whole_or_begins_again_when_the_node_is_killed_between_form_and_tokens() {
    let _beside = beside();
    // Its own Postgres, for the locks.
    let postgres = Postgres::new();
    let database = postgres.database();
    let mut node = Node::start(&database);
    realm(&node, json!({"accessTokenLifespan": 600}));
    let mut chance = Chance::new("kill -9 in the midst of a login");

    for moment in [
        Moment::Answered,
        Moment::At("auth_session"),
        Moment::At("user_session"),
        Moment::At("authorization_code"),
        Moment::After(chance.millis(60)),
    ] {
        let mut window = Window::default();
        let page = window.get(&node, &auth_path(REALM, "app", "openid"));
        let request = window.submission(&page, &credentials());
        let answer = die(&mut node, &database, moment, &request);
        let code = match answer {
            Some(answer) => code(&answer),
            None => {
                // As people do: once more, and then what the page says.
                let answer = window.submit(&node, &page, &credentials());
                let mut page = window.follow(&node, answer);
                if page.status == 200 {
                    page = window.submit(&node, &page, &credentials());
                }
                code(&page)
            }
        };
        let tokens = Tokens::of(&redeem(&node, &code));
        assert!(tokens.live_at(&node), "{moment:?}");
    }

    let mut window = Window::default();
    let mut tokens = login(&mut window, &node);
    for moment in [
        Moment::Answered,
        Moment::At("authorization_code"),
        Moment::At("client_session"),
        Moment::At("user_session"),
        Moment::After(chance.millis(30)),
        Moment::After(chance.millis(30)),
    ] {
        let code = code(&window.get(&node, &auth_path(REALM, "app", "openid")));
        let request = post(&endpoint("token"), &[&APP[..], &redemption(&code)].concat());
        let answer = die(&mut node, &database, moment, &request);
        if answer.is_none() {
            assert!(tokens.live_at(&node), "{moment:?}: the tokens of before");
        }
        let again = redeem(&node, &code);
        if again.status == 200 {
            assert!(answer.is_none(), "{moment:?}: a code was good twice");
            assert!(Tokens::of(&again).live_at(&node), "{moment:?}");
        } else {
            // Whoever had the code first lost the tokens, or has to lose them now.
            is_grant_refused(&again);
            assert!(!tokens.live_at(&node), "{moment:?}");
        }
        // The browser is signed in all along.
        let code = crate::window::code(&window.get(&node, &auth_path(REALM, "app", "openid")));
        tokens = Tokens::of(&redeem(&node, &code));
        assert!(tokens.live_at(&node), "{moment:?}");
    }
}
