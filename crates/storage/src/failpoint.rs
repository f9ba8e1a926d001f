//! Where tests cut a process off: before every statement of a transaction, before and after every commit.
//! From that place on nothing is written any more, as if the process had been killed there. Without the feature
//! `testing` there is none of it: [`reach`] is empty.

/// Every macro and commit comes by here.
#[cfg(not(feature = "testing"))]
#[doc(hidden)]
#[inline]
pub const fn reach(_place: &'static str) -> sqlx::Result<()> {
    Ok(())
}

#[cfg(feature = "testing")]
pub use self::armed::{Cut, arm, disarm, reach};

#[cfg(feature = "testing")]
mod armed {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Of this process: a test that arms it must be alone in its process.
    static STATE: Mutex<State> = Mutex::new(State {
        cut: None,
        cut_at: None,
    });

    /// Where to cut.
    ///
    /// ```
    /// use tollgate_storage::failpoint::{self, Cut};
    /// # use tollgate_kernel::clock::Clock;
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::settings;
    /// # use tollgate_storage::testing::{Engine, TestDatabase};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), StorageError> {
    /// # let database = TestDatabase::new(Engine::Sqlite).await;
    /// # let db = database.open(&[]).await;
    /// # let now = Clock::system().now();
    /// failpoint::arm(Cut::Behind(1)); // The statement passes, its commit does not.
    /// let mut tx = db.begin().await?;
    /// settings::put(&mut tx, "motto", &"Be kind".into(), now).await?;
    /// assert!(tx.commit().await.is_err());
    /// assert_eq!(failpoint::disarm(), Some("before a commit"));
    /// assert!(!settings::is_set(&db, "motto").await?);
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Clone, Debug)]
    pub enum Cut {
        /// Behind so many places.
        Behind(u64),
        /// At the first place that is none of these.
        Beside(BTreeSet<&'static str>),
    }

    struct State {
        cut: Option<Cut>,
        cut_at: Option<&'static str>,
    }

    fn state() -> MutexGuard<'static, State> {
        STATE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts off from a place on.
    pub fn arm(cut: Cut) {
        *state() = State {
            cut: Some(cut),
            cut_at: None,
        };
    }

    /// Lets everything pass again. Gives where it was cut off; `None`: it ended first.
    pub fn disarm() -> Option<&'static str> {
        let mut state = state();
        state.cut = None;
        state.cut_at.take()
    }

    /// Every macro and commit comes by here.
    #[doc(hidden)]
    pub fn reach(place: &'static str) -> sqlx::Result<()> {
        let mut state = state();
        let goes_on = match &mut state.cut {
            None => return Ok(()),
            Some(Cut::Behind(places)) => {
                let left = places.checked_sub(1);
                *places = left.unwrap_or(0);
                left.is_some()
            }
            Some(Cut::Beside(places)) => places.contains(place),
        };
        if goes_on && state.cut_at.is_none() {
            return Ok(());
        }
        state.cut_at.get_or_insert(place);
        // Not to be told from a database that went away.
        Err(sqlx::Error::PoolClosed)
    }
}
