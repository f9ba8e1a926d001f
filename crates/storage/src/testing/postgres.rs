//! A PostgreSQL of a test's own, which the test kills, freezes and starts again.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;

use crate::url::DatabaseUrl;

/// On the slowest machine.
const START: Duration = Duration::from_mins(1);

/// Ended by its process id when dropped.
///
/// ```
/// # use tollgate_storage::db::Db;
/// # use tollgate_storage::testing::postgres::PrivatePostgres;
/// async fn a_server_that_was_away_is_found_again() {
///     let mut server = PrivatePostgres::start().await;
///     let db = Db::open(&server.url(), 2).await.expect("it runs");
///     server.freeze();
///     assert!(db.ping().await.is_err(), "told within two seconds");
///     server.thaw();
///     server.kill();
///     assert!(db.ping().await.is_err());
///     server.start_again().await;
///     assert!(db.ping().await.is_ok(), "at {}", server.variable());
/// }
/// ```
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: TempDir,
    programs: PathBuf,
    user: Option<Person>,
    port: u16,
    running: Option<Child>,
}

/// PostgreSQL refuses to run as root: then it runs as its own user, or as nobody.
#[derive(Clone, Debug)]
struct Person {
    user: u32,
    group: u32,
}

impl PrivatePostgres {
    /// Makes one and starts it.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine: a missing engine is a failure, never a skip.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let user = (id("-u", None) == Some(0)).then(person);
        let home = folder.path().join("postgres");
        std::fs::create_dir(&home).expect("a folder");
        #[cfg(unix)]
        if let Some(Person { user, group }) = &user {
            use std::os::unix::fs::PermissionsExt as _;
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.path(), open).expect("its own folder");
            std::os::unix::fs::chown(&home, Some(*user), Some(*group)).expect("may give it away");
        }
        let mut server = Self {
            programs: programs(),
            folder,
            user,
            port: free_port(),
            running: None,
        };
        let made = server
            .program("initdb")
            .arg("-D")
            .arg(server.home().join("data"))
            .args(["-A", "trust", "-U", "tollgate", "-E", "UTF8", "--locale=C"])
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{made:?}");
        server.start_again().await;
        server
    }

    /// Of its one database.
    ///
    /// # Panics
    /// Never: the address is plain.
    pub fn url(&self) -> DatabaseUrl {
        self.variable().parse().expect("an address")
    }

    /// As `DATABASE_URL`.
    pub fn variable(&self) -> String {
        format!("postgresql://tollgate@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it on what it holds, and waits until it answers.
    ///
    /// # Panics
    /// When it does not, within a minute.
    pub async fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs");
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .expect("a log");
        let child = self
            .program("postgres")
            .arg("-D")
            .arg(self.home().join("data"))
            .arg("-k")
            .arg(self.home())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres runs");
        self.running = Some(child);
        let begun = tokio::time::Instant::now();
        while let Err(error) = PgConnection::connect(&self.variable()).await {
            let log = self.folder.path().join("log");
            assert!(
                begun.elapsed() < START,
                "{error}\n{}",
                std::fs::read_to_string(log).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// As a crash of the machine ends it, with all its processes.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.running.take().expect("it runs");
        // The first one first, or it would start the others anew.
        let others = others(child.id());
        signal("KILL", &[child.id()]);
        signal("KILL", &others);
        child.wait().expect("gone");
        // The others are nobody's children now; what they hold must be free before the next start.
        while others.iter().any(|id| is_alive(*id)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nothing of it moves: connections stay, and nothing is answered.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        let first = self.running.as_ref().expect("it runs").id();
        signal("STOP", &[first]);
        signal("STOP", &others(first));
    }

    /// It goes on where it was.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        let first = self.running.as_ref().expect("it runs").id();
        signal("CONT", &others(first));
        signal("CONT", &[first]);
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }

    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let Some(Person { user, group }) = &self.user else {
            return Command::new(path);
        };
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={user}"), format!("--regid={group}")])
            .args(["--clear-groups", "--"])
            .arg(path);
        // Its own folder is all it may look at.
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.kill();
        }
    }
}

/// The processes that a process started, as Linux tells them.
fn others(first: u32) -> Vec<u32> {
    let told = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
    let told = told.expect("Linux tells the children of a process");
    told.split_whitespace()
        .map(|id| id.parse().expect("a process id"))
        .collect()
}

/// Not gone, nor dead and waiting for somebody who asks how it ended.
fn is_alive(process: u32) -> bool {
    let told = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = told
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Sent by the shell, which needs no program of its own for it. One that is gone is none of ours.
fn signal(name: &str, processes: &[u32]) {
    let mut shell = Command::new("sh")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let mut lines = shell.stdin.take().expect("its input");
    for process in processes {
        writeln!(lines, "kill -{name} {process}").expect("read");
    }
    drop(lines);
    shell.wait().expect("ended");
}

fn id(what: &str, of: Option<&str>) -> Option<u32> {
    let told = Command::new("id").arg(what).args(of).output().ok()?;
    let told = told.status.success().then_some(told.stdout)?;
    String::from_utf8(told).ok()?.trim().parse().ok()
}

fn person() -> Person {
    let known = ["postgres", "nobody"].into_iter().find_map(|name| {
        Some(Person {
            user: id("-u", Some(name))?,
            group: id("-g", Some(name))?,
        })
    });
    known.expect("a user who is not root")
}

/// Where the programs are, looked for as `./scripts/test` does.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut folders: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    folders.push("/usr/local/pgsql/bin".into());
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let found = folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL is not installed: run ./scripts/test, which installs it")
}

/// Free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
