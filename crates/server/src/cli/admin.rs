//! `tollgate admin create | reset-password`: for who has the machine, and therefore everything.

use std::io::Read as _;

use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate::config::Config;
use tollgate::offline;
use tollgate_auth::model::user::{Email, Username};
use tollgate_kernel::entropy::Entropy;

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make a superuser, or make somebody one. The password is read from standard input.
    Create {
        /// Of the account.
        email: String,
        /// Of the account, when it is a new one.
        #[arg(long, default_value = "operator")]
        username: String,
    },
    /// Take the second factor of somebody away, who has lost it.
    RemoveSecondFactor {
        /// Of the account.
        email: String,
    },
    /// Set a new password, print it, and end every sign-in of the account.
    ResetPassword {
        /// Of the account.
        email: String,
    },
}

pub(crate) async fn run(config: Config, command: AdminCommand) -> anyhow::Result<()> {
    let auth = offline::accounts(&config, &Entropy::system()).await?;
    match command {
        AdminCommand::Create { email, username } => {
            let (email, username): (Email, Username) = (email.parse()?, username.parse()?);
            let mut password = String::new();
            std::io::stdin()
                .lock()
                .take(1_024)
                .read_to_string(&mut password)?;
            let password: SecretString = password.trim_end_matches(['\r', '\n']).into();
            let user = auth.put_admin(&email, &username, &password).await?;
            println!("{} is an admin", user.email);
        }
        AdminCommand::RemoveSecondFactor { email } => {
            let email: Email = email.parse()?;
            let removed = auth.remove_second_factors_of(&email).await?;
            println!("{}", if removed { "removed" } else { "there was none" });
        }
        AdminCommand::ResetPassword { email } => {
            let email: Email = email.parse()?;
            let password = auth.reset_password_of(&email).await?;
            println!("{}", password.expose_secret());
        }
    }
    Ok(())
}
