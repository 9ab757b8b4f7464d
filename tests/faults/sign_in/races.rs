//! One thing that is good once, used by many at once on two nodes.

use super::*;

/// Does something many times at once, in turns at each of the nodes.
fn race<T: Send>(
    nodes: [&Node; 2],
    times: usize,
    act: impl Fn(&Node, usize) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(times);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..times)
            .map(|n| {
                let (start, act) = (&start, &act);
                scope.spawn(move || {
                    start.wait();
                    act(nodes[n % 2], n)
                })
            })
            .collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap());
        done.collect()
    })
}

#[test]
fn of_many_who_redeem_one_code_on_two_nodes_at_most_one_gets_tokens_that_are_dead_at_once() {
    let _beside = beside();
    let pair = Pair::new(json!({}));
    let mut window = Window::default();
    let mut won = 0;
    for round in 0..6 {
        let answer = match round {
            0 => sign_in(&mut window, &pair.a, &pair.b, "app"),
            _ => window.get(&pair.a, &auth_path(REALM, "app", "openid")),
        };
        let code = code(&answer);
        let answers = race(pair.nodes(), 20, |node, _| redeem(node, &code));
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
        assert!(good.len() <= 1, "{} have tokens of one code", good.len());
        bad.into_iter().for_each(is_grant_refused);
        won += good.len();
        for answer in good {
            let tokens = Tokens::of(answer);
            for node in pair.nodes() {
                assert!(!tokens.live_at(node), "the thief's or the owner's");
            }
        }
    }
    say(&format!(
        "20 at once with one code, 6 times: {won} times somebody got tokens"
    ));
}

#[test]
fn of_many_who_use_one_refresh_token_on_two_nodes_one_wins_where_it_is_good_once() {
    let _beside = beside();
    let pair = Pair::new(json!({"revokeRefreshToken": true, "refreshTokenMaxReuse": 0}));
    for scope in ["openid", "openid offline_access"] {
        let mut window = Window::default();
        let page = window.get(&pair.a, &auth_path(REALM, "app", scope));
        let code = code(&window.submit(&pair.b, &page, &credentials()));
        let tokens = Tokens::of(&redeem(&pair.b, &code));
        let answers = race(pair.nodes(), 50, |node, _| {
            refresh(node, tokens.get("refresh_token"))
        });
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
        bad.into_iter().for_each(is_grant_refused);
        assert_eq!(good.len(), 1);
        let winner = Tokens::of(good[0]);
        for node in pair.nodes() {
            assert!(!winner.live_at(node), "two had the token of {scope}");
        }
    }
}

const KEY: &str = "JlRQdbWVVmueS79BlnMI";

/// The one-time code of this moment (RFC 6238).
pub fn totp(key: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let tag = hmac::sign(&key, &(now / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn a_one_time_code_used_on_two_nodes_at_once_lets_in_once() {
    let _beside = beside();
    let pair = Pair::new(json!({}));
    let bob = json!({
        "username": "bob", "enabled": true, "email": "bob@example.org", "firstName": "Bob", "lastName": "Example",
        "credentials": [
            {"type": "password", "value": PASSWORD},
            {"type": "otp", "secretData": json!({"value": KEY}).to_string(),
             "credentialData": r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#},
        ],
    });
    pair.a.create(&format!("/{REALM}/users"), &bob);
    let typed = [("username", "bob"), ("password", PASSWORD)];
    let windows: Vec<_> = (0..4)
        .map(|_| {
            let mut window = Window::default();
            let page = window.get(&pair.a, &auth_path(REALM, "app", "openid"));
            let page = window.submit(&pair.b, &page, &typed);
            assert!(page.text().contains("name=\"otp\""), "{}", page.text());
            Mutex::new((window, page))
        })
        .collect();
    let otp = totp(KEY);
    let statuses = race(pair.nodes(), 8, |node, n| match windows.get(n) {
        Some(window) => {
            let (window, page) = &mut *window.lock().unwrap();
            window.submit(node, page, &[("otp", &otp)]).status == 302
        }
        None => {
            let form = [("grant_type", "password"), ("otp", &otp)];
            let answer = call(node, "token", &APP, &[&form[..], &typed].concat());
            assert!(answer.status < 500, "{}", answer.text());
            answer.status == 200
        }
    });
    let won = statuses.iter().filter(|won| **won).count();
    assert_eq!(won, 1, "{statuses:?}");
}

#[test]
fn a_device_code_used_on_two_nodes_at_once_gives_tokens_once() {
    let _beside = beside();
    let pair = Pair::new(json!({}));
    let mut window = Window::default();
    for _ in 0..3 {
        let device = call(&pair.a, "auth/device", &APP, &[("scope", "openid")]);
        assert_eq!(device.status, 200, "{}", device.text());
        let device = device.json();
        let page = window.get(
            &pair.b,
            device["verification_uri_complete"].as_str().unwrap(),
        );
        let mut page = window.follow(&pair.b, page);
        if action(&page.text()).contains("/login-actions/authenticate?") {
            page = window.submit(&pair.a, &page, &credentials());
            page = window.follow(&pair.a, page);
        }
        let form = [
            ("grant_type", DEVICE),
            ("device_code", device["device_code"].as_str().unwrap()),
        ];
        let pending = call(&pair.a, "token", &APP, &form).json();
        assert_eq!(pending["error"], "authorization_pending");
        let done = window.submit(&pair.b, &page, &[("accept", "Yes")]);
        assert_eq!(done.status, 302, "{}", done.text());
        // Otherwise all but the first would be told to slow down.
        let sql = "update device_code set \"interval\" = -1";
        pair.database.sql(sql);
        let answers = race(pair.nodes(), 20, |node, _| call(node, "token", &APP, &form));
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
        assert_eq!(good.len(), 1);
        bad.into_iter().for_each(is_grant_refused);
        assert!(Tokens::of(good[0]).live_at(&pair.a));
    }
}
