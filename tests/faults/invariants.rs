//! What holds of all tables, whenever nobody writes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::postgres::Database;
use crate::process::until;

/// Rows of each table.
type Counts = BTreeMap<String, i64>;

/// What a whole realm looks like: rows of its own, and rows that master has because of it.
pub struct Whole {
    tables: Vec<String>,
    own: Counts,
    in_master: Counts,
    /// What master has without any other realm.
    base: Counts,
}

/// Tables in which logins of the administrator leave traces.
const TRACES: [&str; 4] = ["event", "user_session", "client_session", "login_failure"];

impl Whole {
    /// Learns it from a database with realm master and one more realm, `model`, and holds that against the contract.
    pub fn learn(database: &Database, model: &str) -> Self {
        let tables = database.sql(
            "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'realm_id'",
        );
        let tables: Vec<String> = tables
            .lines()
            .map(str::to_owned)
            .filter(|table| !TRACES.contains(&table.as_str()))
            .collect();
        let learned = Self {
            tables,
            own: Counts::new(),
            in_master: Counts::new(),
            base: Counts::new(),
        };
        let mut counts = learned.count(database);
        let master = counts.remove(&id(database, "master")).unwrap();
        let own = counts.remove(&id(database, model)).unwrap();
        assert!(counts.is_empty(), "more realms than two: {counts:?}");

        let number = |table: &str| own.get(table).copied().unwrap_or_default();
        assert_eq!(
            (number("component"), number("realm_key"), number("realm_ca")),
            (4, 4, 1),
            "{own:?}"
        );
        assert!(
            number("client") >= 6 && number("role") >= 30 && number("role_composite") >= 20,
            "{own:?}"
        );
        let of_client = "(select c.id from client c join realm r on r.id = c.realm_id where r.name = 'master' \
             and c.client_id like '%-realm' and c.client_id <> 'master-realm')";
        let rows = |sql: &str| database.count(&format!("select count(*) from {sql}"));
        let in_master = Counts::from([
            ("client".to_owned(), 1),
            (
                "role".to_owned(),
                rows(&format!("role where client_id in {of_client}")),
            ),
            (
                "role_composite".to_owned(),
                rows(&format!(
                    "role_composite o join role p on p.id = o.parent_id where p.client_id in {of_client}"
                )),
            ),
        ]);
        assert_eq!(in_master["role"], 21);
        let base = master
            .into_iter()
            .map(|(table, n)| (table.clone(), n - in_master.get(&table).unwrap_or(&0)));
        let base = base.collect();
        Self {
            own,
            in_master,
            base,
            ..learned
        }
    }

    /// Checks all tables: every realm is whole, and nothing belongs to a realm that is not there. The realms' names.
    ///
    /// # Panics
    /// With what is not so.
    pub fn check(&self, database: &Database) -> BTreeSet<String> {
        let realms: BTreeMap<String, String> = pairs(&database.sql("select id, name from realm"));
        let counts = self.count(database);
        let others = i64::try_from(realms.len()).unwrap() - 1;
        for (id, counts) in &counts {
            let name = realms
                .get(id)
                .unwrap_or_else(|| panic!("rows of a realm that is not there: {id} {counts:?}"));
            if name != "master" {
                assert_eq!(*counts, self.own, "realm {name} is not whole");
                continue;
            }
            for table in &self.tables {
                let number =
                    |counts: &Counts, table: &str| counts.get(table).copied().unwrap_or_default();
                let expected = number(&self.base, table) + others * number(&self.in_master, table);
                assert_eq!(
                    number(counts, table),
                    expected,
                    "rows of master in {table}, with {others} other realms"
                );
            }
        }
        assert_eq!(counts.len(), realms.len(), "a realm without any rows");
        let broken = [
            (
                "a realm without its default role",
                "select r.name from realm r where not exists (select from role o where o.realm_id = r.id \
                 and o.id = r.default_role and o.client_id is null and o.name = 'default-roles-' || lower(r.name))",
            ),
            (
                "a client of master without its realm",
                "select c.client_id from client c join realm m on m.id = c.realm_id where m.name = 'master' \
                 and c.client_id like '%-realm' and not exists (select from realm r where r.name || '-realm' = c.client_id)",
            ),
            (
                "a realm whose client in master has not 21 roles",
                "select r.name from realm r where r.name <> 'master' and 21 <> (select count(*) from role o \
                 join client c on (c.realm_id, c.id) = (o.realm_id, o.client_id) join realm m on m.id = c.realm_id \
                 where m.name = 'master' and c.client_id = r.name || '-realm')",
            ),
            (
                "a key provider without its key",
                "select c.id from component c where c.provider_type = 'org.keycloak.keys.KeyProvider' and not exists \
                 (select from realm_key k where (k.realm_id, k.component_id) = (c.realm_id, c.id))",
            ),
        ];
        for (what, sql) in broken {
            assert_eq!(database.sql(sql), "", "{what}");
        }
        realms.into_values().collect()
    }

    /// Rows of each table, by realm id.
    fn count(&self, database: &Database) -> BTreeMap<String, Counts> {
        let sql: Vec<String> = self
            .tables
            .iter()
            .map(|table| {
                format!("select realm_id, '{table}', count(*) from {table} group by realm_id")
            })
            .collect();
        let mut counts = BTreeMap::<String, Counts>::new();
        for line in database.sql(&sql.join(" union all ")).lines() {
            let cells: Vec<_> = line.split('|').collect();
            counts
                .entry(cells[0].to_owned())
                .or_default()
                .insert(cells[1].to_owned(), cells[2].parse().unwrap());
        }
        counts
    }
}

/// Waits until the database has ended what a killed node had begun.
pub fn wait_for_silence(database: &Database) {
    until(
        "the dead node's sessions end",
        Duration::from_secs(15),
        || {
            let sql = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
            (database.count(sql) == 0).then_some(())
        },
    );
}

fn id(database: &Database, realm: &str) -> String {
    database.sql(&format!("select id from realm where name = '{realm}'"))
}

fn pairs(rows: &str) -> BTreeMap<String, String> {
    rows.lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect()
}
