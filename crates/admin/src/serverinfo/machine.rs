//! What `serverinfo` tells of the process: since when it runs, and how much memory it has. No path, user or kernel.

use std::sync::OnceLock;

use serde_json::{Value, json};

static STARTED: OnceLock<i64> = OnceLock::new();

/// Takes note that the server runs from now on; the first call counts. Milliseconds since 1970.
pub(crate) fn started() -> i64 {
    *STARTED.get_or_init(store::clock::now_ms)
}

pub(super) fn system(version: &str) -> Value {
    let now = store::clock::now_ms();
    let up = (now - started()).max(0);
    let seconds = up / 1000;
    let uptime = format!(
        "{} days, {} hours, {} minutes, {} seconds",
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    json!({
        "version": version,
        "serverTime": date(now / 1000),
        "uptime": uptime,
        "uptimeMillis": up,
        "javaRuntime": concat!("realmkeep ", env!("CARGO_PKG_VERSION")),
        "osName": std::env::consts::OS,
        "osArchitecture": std::env::consts::ARCH,
        "fileEncoding": "UTF-8",
        "userTimezone": "Etc/UTC",
        "userLocale": "en_US"
    })
}

/// As Java writes a date: `Tue Nov 24 11:29:15 UTC 2026`. Seconds since 1970.
fn date(seconds: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let days = seconds.div_euclid(86_400);
    let time = seconds.rem_euclid(86_400);
    // Days to a date in years that begin with March: https://howardhinnant.github.io/date_algorithms.html
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    let of = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at).copied())
            .unwrap_or_default()
    };
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        of(&WEEKDAYS, days.rem_euclid(7)),
        of(&MONTHS, (month + 2) % 12),
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

/// Bytes of the machine and of this process, as far as the system tells.
pub(super) fn memory() -> Value {
    let total = kilobytes("/proc/meminfo", "MemTotal:");
    let used = kilobytes("/proc/self/status", "VmRSS:");
    let free = (total - used).max(0);
    json!({
        "total": total * 1024,
        "totalFormated": formatted(total),
        "used": used * 1024,
        "usedFormated": formatted(used),
        "free": free * 1024,
        "freePercentage": if total > 0 { free * 100 / total } else { 0 },
        "freeFormated": formatted(free),
    })
}

fn formatted(kilobytes: i64) -> String {
    format!("{} MB", kilobytes / 1024)
}

/// A line such as `VmRSS:    1234 kB`; 0 where there is none.
fn kilobytes(file: &str, name: &str) -> i64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_java_writes_it() {
        assert_eq!(date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(date(951_782_400), "Tue Feb 29 00:00:00 UTC 2000");
        assert_eq!(date(1_795_519_755), "Tue Nov 24 11:29:15 UTC 2026");
        assert_eq!(date(1_798_761_599), "Thu Dec 31 23:59:59 UTC 2026");
    }
}
