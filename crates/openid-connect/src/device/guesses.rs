//! How often an address may type in a user code that no device shows: the codes are short (RFC 8628 §5.1).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// Wrong codes of an address in a [`WINDOW`]. With them it would take centuries to find one of a thousand devices.
const MOST: u32 = 30;
/// Seconds.
const WINDOW: i64 = 60;
/// Addresses that are remembered; the oldest window goes first.
const ADDRESSES: usize = 10_000;

/// Where a window began, and the wrong codes in it.
type Window = (i64, u32);

static WRONG: Mutex<Option<HashMap<(Uuid, IpAddr), Window>>> = Mutex::new(None);

/// Whether an address has typed in too many wrong codes by second `now`.
pub(super) fn are_too_many(realm: Uuid, ip: IpAddr, now: i64) -> bool {
    let mut wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    let window = wrong.get_or_insert_default().get(&(realm, network(ip)));
    window.is_some_and(|(began, count)| now < began + WINDOW && *count >= MOST)
}

/// Counts a wrong code of an address at second `now`.
pub(super) fn count(realm: Uuid, ip: IpAddr, now: i64) {
    let mut wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong = wrong.get_or_insert_default();
    if wrong.len() >= ADDRESSES {
        wrong.retain(|_, (began, _)| now < *began + WINDOW);
    }
    if wrong.len() >= ADDRESSES
        && let Some(oldest) = wrong.iter().min_by_key(|(_, (began, _))| *began)
    {
        let oldest = *oldest.0;
        wrong.remove(&oldest);
    }
    let window = wrong.entry((realm, network(ip))).or_insert((now, 0));
    if now >= window.0 + WINDOW {
        *window = (now, 0);
    }
    window.1 += 1;
}

/// What one customer of a provider has: an address, or a /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => (v6.to_bits() & !u128::from(u64::MAX)).to_be_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_tries_a_minute_in_each_realm() {
        let (realm, other) = (Uuid::new_v4(), Uuid::new_v4());
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour = "2001:db8::2".parse().unwrap();
        for _ in 0..MOST {
            assert!(!are_too_many(realm, neighbour, 100));
            count(realm, ip, 100);
        }
        assert!(are_too_many(realm, neighbour, 159));
        assert!(!are_too_many(other, ip, 159));
        assert!(!are_too_many(
            realm,
            "2001:db8:0:1::1".parse().unwrap(),
            159
        ));
        assert!(!are_too_many(realm, ip, 160));
        count(realm, ip, 160);
        assert!(!are_too_many(realm, ip, 161));
    }
}
