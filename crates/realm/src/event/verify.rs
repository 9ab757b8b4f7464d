//! Walks a chain of events and says where it is broken.

use std::fmt;

use serde_json::Value;
use sqlx::FromRow;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::chain::{self, Head, Link};
use super::{Event, EventId};
use crate::{Result, Sealer};

/// Events that are read at a time.
const PAGE: i64 = 1000;

/// Which event, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number in the chain; none where it is outside.
    pub seq: Option<i64>,
    /// Its id.
    pub id: Uuid,
    /// Milliseconds since 1970, as the row says.
    pub time: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "{seq}, ")?;
        }
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.time) * 1_000_000);
        match time.ok().and_then(|time| time.format(&Rfc3339).ok()) {
            Some(time) => write!(f, "id {}, of {time}", self.id),
            None => write!(f, "id {}, of time {}", self.id, self.time),
        }
    }
}

/// The first thing that is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The row is not what was written at this place.
    Altered(Place),
    /// The row was not written by a server.
    Added(Place),
    /// Rows of these numbers are gone.
    Missing {
        /// The first number.
        from: i64,
        /// The last number.
        to: i64,
        /// The event before them, if it is still kept.
        after: Option<Place>,
        /// The event behind them, if there is one.
        before: Option<Place>,
    },
    /// What is known of the chain's beginning and end was changed, or was deleted and made anew.
    Head,
    /// So many events from before the chain began are gone; a number below zero: were added, and are gone.
    Fewer(i64),
    /// The event of this number is not the one that the chain once ended with.
    Replaced(i64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(place) => write!(f, "event {place} was altered, or put in place of another"),
            Self::Added(place) => write!(f, "event {place} was added"),
            Self::Missing {
                from,
                to,
                after,
                before,
            } => {
                match from == to {
                    true => write!(f, "event {from} is missing")?,
                    false => write!(f, "events {from} to {to} are missing")?,
                }
                if let Some(after) = after {
                    write!(f, "; before it: event {after}")?;
                }
                if let Some(before) = before {
                    write!(f, "; behind it: event {before}")?;
                }
                Ok(())
            }
            Self::Head => f.write_str(
                "the head of the chain was changed: events at its beginning or its end may be missing",
            ),
            Self::Fewer(gone) if *gone < 0 => {
                write!(f, "{} events outside of the chain were added, and are gone", -gone)
            }
            Self::Fewer(gone) => {
                write!(f, "{gone} events from before the chain began are missing")
            }
            Self::Replaced(seq) => {
                write!(f, "event {seq} is not the one that the chain once ended with")
            }
        }
    }
}

/// What a walk has found.
#[derive(Debug, Default)]
pub struct Report {
    /// Events of the chain that were looked at.
    pub events: u64,
    /// Events from before the chain began, which nothing protects.
    pub unchained: i64,
    /// Numbers up to this one were cleared or have expired.
    pub gone: i64,
    /// The number and the hash, in hexadecimal, that the chain ends with.
    pub end: (i64, String),
    /// The first thing that is wrong.
    pub finding: Option<Finding>,
}

/// One row, as it is found.
#[derive(FromRow)]
pub(super) struct Row {
    pub seq: i64,
    pub hash: Option<Vec<u8>>,
    pub id: Uuid,
    pub time: i64,
    r#type: String,
    client_id: Option<String>,
    user_id: Option<String>,
    session_id: Option<String>,
    ip_address: Option<String>,
    error: Option<String>,
    details: Value,
}

impl Row {
    fn place(&self) -> Place {
        Place {
            seq: Some(self.seq),
            id: self.id,
            time: self.time,
        }
    }

    /// The event; none where no server has ever written such details.
    fn into_event(self) -> Option<Event> {
        let Value::Object(details) = self.details else {
            return None;
        };
        Some(Event {
            id: EventId(self.id),
            time: self.time,
            kind: self.r#type,
            client_id: self.client_id,
            user_id: self.user_id,
            session_id: self.session_id,
            ip_address: self.ip_address,
            error: self.error,
            details,
            ..Event::default()
        })
    }
}

/// A walk along a chain.
pub(super) struct Walk<'a> {
    head: &'a Head,
    pub at: Link,
    place: Option<Place>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(head: &'a Head) -> Self {
        Self {
            head,
            at: head.first.clone(),
            place: None,
        }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// What is wrong with it, or with the rows before it; the walk stays where it was.
    pub(super) fn step(&mut self, row: Row) -> Result<(), Finding> {
        let place = row.place();
        if row.seq <= self.head.first.seq || row.seq > self.head.last.seq {
            return Err(Finding::Added(place));
        }
        if row.seq > self.at.seq + 1 {
            return Err(self.missing(row.seq - 1, Some(place)));
        }
        let next = Link {
            seq: row.seq,
            hash: row.hash.clone().unwrap_or_default(),
        };
        let event = row.into_event();
        if !event.is_some_and(|event| self.head.follows(&self.at, &next, &event)) {
            return Err(Finding::Altered(place));
        }
        (self.at, self.place) = (next, Some(place));
        Ok(())
    }

    fn missing(&self, to: i64, before: Option<Place>) -> Finding {
        Finding::Missing {
            from: self.at.seq + 1,
            to,
            after: self.place.clone(),
            before,
        }
    }
}

/// The rows behind a number, in their order.
pub(super) async fn page(
    db: &mut store::Connection,
    realm: Uuid,
    behind: i64,
    most: i64,
) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(
        "select seq, hash, id, time, type, client_id, user_id, session_id, ip_address, error, details from event \
         where realm_id = $1 and seq > $2 order by seq limit $3",
    )
    .bind(realm)
    .bind(behind)
    .bind(most)
    .fetch_all(db)
    .await?)
}

/// Walks the events of a realm, in a transaction that sees them as they were at one time. `noted` is the end of the chain
/// as an earlier report gave it: only so a whole database that was put back to an earlier time is found out.
///
/// # Errors
/// [`crate::Error::Sealed`] when the key of the chain does not open; from the database.
pub async fn verify(
    db: &mut store::Connection,
    sealer: &Sealer,
    realm: Uuid,
    noted: Option<&(i64, String)>,
) -> Result<Report> {
    let (count, newest) = unchained(db, realm).await?;
    let mut report = Report {
        unchained: count,
        ..Report::default()
    };
    let Some(head) = chain::read(db, sealer, realm).await? else {
        let chained = !page(db, realm, i64::MIN, 1).await?.is_empty();
        report.finding = (chained || noted.is_some()).then_some(Finding::Head);
        return Ok(report);
    };
    report.gone = head.first.seq;
    report.end = (head.last.seq, hex(&head.last.hash));
    let mut finding = walk(db, &head, noted, &mut report.events).await?;
    if !head.intact {
        finding = finding.or(Some(Finding::Head));
    }
    if count != head.unchained {
        finding = finding.or(Some(match newest {
            Some(newest) if count > head.unchained => Finding::Added(newest),
            _ => Finding::Fewer(head.unchained - count),
        }));
    }
    report.finding = finding;
    Ok(report)
}

async fn walk(
    db: &mut store::Connection,
    head: &Head,
    noted: Option<&(i64, String)>,
    events: &mut u64,
) -> Result<Option<Finding>> {
    let mut walk = Walk::new(head);
    let mut behind = i64::MIN;
    loop {
        let rows = page(db, head.realm, behind, PAGE).await?;
        let Some(last) = rows.last() else { break };
        behind = last.seq;
        for row in rows {
            if let Err(finding) = walk.step(row) {
                return Ok(Some(finding));
            }
            *events += 1;
            if let Some((seq, hash)) = noted
                && *seq == walk.at.seq
                && *hash != hex(&walk.at.hash)
            {
                return Ok(Some(Finding::Replaced(*seq)));
            }
        }
    }
    let end = noted.map_or(head.last.seq, |(seq, _)| head.last.seq.max(*seq));
    Ok((walk.at.seq < end).then(|| walk.missing(end, None)))
}

/// How many events of a realm are outside of its chain, and the newest of them.
async fn unchained(db: &mut store::Connection, realm: Uuid) -> Result<(i64, Option<Place>)> {
    let count =
        sqlx::query_scalar("select count(*) from event where realm_id = $1 and seq is null")
            .bind(realm)
            .fetch_one(&mut *db)
            .await?;
    let newest: Option<(Uuid, i64)> = sqlx::query_as(
        "select id, time from event where realm_id = $1 and seq is null order by time desc limit 1",
    )
    .bind(realm)
    .fetch_optional(db)
    .await?;
    let place = |(id, time)| Place {
        seq: None,
        id,
        time,
    };
    Ok((count, newest.map(place)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
