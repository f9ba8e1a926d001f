// Generated from docs/openapi.json by scripts/generate-schema.mjs; not edited by hand.

export interface paths {
    "/.well-known/oauth-authorization-server": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where the endpoints are (RFC 8414). The sign-in by form is for the button of the API reference, and is
         *     not offered here (RFC 9700 §2.4).
         */
        get: operations["get_well_known_oauth_authorization_server"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/audit-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what, newest first, as a page or as a table. Takes `audit.read`. */
        get: operations["get_admin_audit_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/invites": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends an invitation; an older one for the address ends. Takes `users.write`. */
        post: operations["post_admin_invites"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The standing duties with their last and next runs, and what is to be done or was given up, newest first. Takes `admin`. */
        get: operations["get_admin_jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One job, or the job of a duty. Takes `admin`. */
        get: operations["get_admin_jobs_job_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/jobs/{job_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a job that was given up be done after all, from its first try on. Takes `admin`. */
        post: operations["post_admin_jobs_job_id_retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All plans, archived ones too, newest first, with how many have them. Takes `admin`. */
        get: operations["get_admin_plans"];
        put?: never;
        /** A new plan. Takes `admin`. */
        post: operations["post_admin_plans"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plans/{plan_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One plan, by id or slug, with all its versions. Takes `admin`. */
        get: operations["get_admin_plans_plan_id"];
        put?: never;
        post?: never;
        /** Takes a plan away: archived when anybody has, had or ordered it, otherwise gone. Takes `admin`. */
        delete: operations["delete_admin_plans_plan_id"];
        options?: never;
        head?: never;
        /** Other terms; what is left out stays. Those who have the plan keep what they bought. Takes `admin`. */
        patch: operations["patch_admin_plans_plan_id"];
        trace?: never;
    };
    "/admin/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Refunds of everybody, newest first. Takes `payments.read`. */
        get: operations["get_admin_refunds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/service-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keys of host applications, newest first. Takes `admin`. */
        get: operations["get_admin_service_keys"];
        put?: never;
        /**
         * Makes a key for a host application; `key` is in this answer and nowhere else. Takes `admin` and a
         *     confirmation of the last five minutes.
         */
        post: operations["post_admin_service_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/service-keys/{service_key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends a key, at once. Takes `admin` and a confirmation of the last five minutes. */
        delete: operations["delete_admin_service_keys_service_key_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/service-keys/{service_key_id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a key in the place of another, with its name and scopes; the old one goes on for the overlap.
         *     Takes `admin` and a confirmation of the last five minutes.
         */
        post: operations["post_admin_service_keys_service_key_id_rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/stats/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Recurring revenue, money, who came and who left, per currency; people who began and who pay; how many orders of each
         *     rail were paid. Takes `payments.read`.
         */
        get: operations["get_admin_stats_overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/stats/revenue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What was paid and what went back over time, a line of each rail and currency, a point for every hour, day or month.
         *     Takes `payments.read`.
         */
        get: operations["get_admin_stats_revenue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/stats/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Units and calls of everybody over time. Takes `usage.read`. */
        get: operations["get_admin_stats_usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/suspense": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Verified money that fits no payable order, newest first. Takes `payments.read`. */
        get: operations["get_admin_suspense"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/suspense/{suspense_id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decides about money in suspense, once. Takes `finance` and a confirmation of the last five minutes. */
        post: operations["post_admin_suspense_suspense_id_resolve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payments of everybody, newest first, as a page or as a table. Takes `payments.read`. */
        get: operations["get_admin_transactions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/transactions/{transaction_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A payment with its refunds and every call about it. Takes `payments.read`. */
        get: operations["get_admin_transactions_transaction_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/transactions/{transaction_id}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Asks the provider about a payment now, and does what the answer says. Takes `payments.read`. */
        post: operations["post_admin_transactions_transaction_id_sync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** People, newest first. Takes `users.read`. */
        get: operations["get_admin_users"];
        put?: never;
        /** Opens an account; its owner is sent a link to choose a password. Takes `users.write`. */
        post: operations["post_admin_users"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A person. Takes `users.read`. */
        get: operations["get_admin_users_user_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Lets a person act, or not. Takes `users.write`; for a member of staff `admin`. */
        patch: operations["patch_admin_users_user_id"];
        trace?: never;
    };
    "/admin/users/{user_id}/grant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a person bonus units, on top of the plan they have, or terms of a plan without money. Units are there at once;
         *     what is left of them when the period ends goes into the next one. Terms begin at once, in place of a free plan or a
         *     trial, or behind what is there of the same plan. Takes `users.write`.
         */
        post: operations["post_admin_users_user_id_grant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Which roles a person has. Takes `users.read`. */
        get: operations["get_admin_users_user_id_roles"];
        /** Gives a person exactly these roles. Takes `admin`. */
        put: operations["put_admin_users_user_id_roles"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/second-factor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Takes a person's second factor away, who has lost it. Takes `admin` and a confirmation of the last five
         *     minutes.
         */
        delete: operations["delete_admin_users_user_id_second_factor"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{user_id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends every sign-in of a person. Takes `users.write`; for a member of staff `admin`. */
        delete: operations["delete_admin_users_user_id_sessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events on their way and those that have arrived, newest first. Takes `admin`. */
        get: operations["get_admin_webhook_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-deliveries/{delivery_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One delivery, with its tries. Takes `admin`. */
        get: operations["get_admin_webhook_deliveries_delivery_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-deliveries/{delivery_id}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends an event once more, by the schedule from its start. Takes `admin`. */
        post: operations["post_admin_webhook_deliveries_delivery_id_resend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All receivers. Takes `admin`. */
        get: operations["get_admin_webhook_endpoints"];
        put?: never;
        /** A new receiver; its secret is shown this once. Takes `admin` and a confirmation of the last five minutes. */
        post: operations["post_admin_webhook_endpoints"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-endpoints/{endpoint_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One of them. Takes `admin`. */
        get: operations["get_admin_webhook_endpoints_endpoint_id"];
        put?: never;
        post?: never;
        /** Takes a receiver away, with what was on its way to it. Takes `admin` and a confirmation. */
        delete: operations["delete_admin_webhook_endpoints_endpoint_id"];
        options?: never;
        head?: never;
        /** Another address, other types, on or off; what is left out stays. Takes `admin` and a confirmation. */
        patch: operations["patch_admin_webhook_endpoints_endpoint_id"];
        trace?: never;
    };
    "/admin/webhook-endpoints/{endpoint_id}/recover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends what a receiver missed once more, by the schedule from its start. What is on its way is left alone. Takes `admin`. */
        post: operations["post_admin_webhook_endpoints_endpoint_id_recover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-endpoints/{endpoint_id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Another secret, shown this once; for 24 hours both sign. Takes `admin` and a confirmation. */
        post: operations["post_admin_webhook_endpoints_endpoint_id_rotate_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-endpoints/{endpoint_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends an event of type `endpoint.test` to this receiver alone. Takes `admin`. */
        post: operations["post_admin_webhook_endpoints_endpoint_id_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Calls of providers, newest first; they are kept for 90 days. Takes `payments.read`. */
        get: operations["get_admin_webhook_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-events/{webhook_event_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A call of a provider, to the byte. Takes `payments.read`. */
        get: operations["get_admin_webhook_events_webhook_event_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhook-events/{webhook_event_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verifies the kept bytes of a call anew, under the keys of today, and applies what they say; gives the new
         *     call that tells of it. An event is applied once, however often it comes; a forged one stays refused. Takes
         *     `finance`.
         */
        post: operations["post_admin_webhook_events_webhook_event_id_replay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The public keys of access tokens. May be kept for 5 minutes: a new key is published for longer than
         *     that before it signs.
         */
        get: operations["get_auth_well_known_jwks_json"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My keys, newest first. */
        get: operations["get_auth_api_keys"];
        put?: never;
        /** Makes a key. `key` is in this answer and nowhere else. */
        post: operations["post_auth_api_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/api-keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends a key, at once. */
        delete: operations["delete_auth_api_keys_key_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/api-keys/{key_id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a key in the place of another, with its name and limits; the old one goes on for the overlap.
         *     `key` is in this answer and nowhere else.
         */
        post: operations["post_auth_api_keys_key_id_rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/change-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sets a new password. Every other sign-in ends. */
        post: operations["post_auth_change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Shows that it is still me: for five minutes, sensitive calls of this sign-in go through. */
        post: operations["post_auth_confirm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is kept about me here: account, sign-ins and keys, without secrets. */
        get: operations["get_auth_export"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/introspect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What an access token, a refresh token or an API key is good for now (RFC 7662). For host
         *     applications: takes a service key with the scope `introspect`.
         */
        post: operations["post_auth_introspect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs in. Takes JSON, and the form of OAuth's password grant for the button of the API reference. */
        post: operations["post_auth_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/login/second-factor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The second half of a sign-in, for who has a second factor. A challenge works once, for five minutes. */
        post: operations["post_auth_login_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs out: this sign-in ends, and that of the refresh token, if one is given. `{}` is enough. */
        post: operations["post_auth_logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who I am. */
        get: operations["get_auth_me"];
        /** Changes my profile. A new address is answered as it will be only once its letter was answered. */
        put: operations["put_auth_me"];
        post?: never;
        /** Closes my account for good: personal data goes, keys and sign-ins end, the books stay. */
        delete: operations["delete_auth_me"];
        options?: never;
        head?: never;
        /** The same. */
        patch: operations["patch_auth_me"];
        trace?: never;
    };
    "/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A new pair for a refresh token, which is used up. Within 10 seconds a repeat is given the same
         *     refresh token again; later the repeat ends the whole sign-in.
         */
        post: operations["post_auth_refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Opens an account. */
        post: operations["post_auth_register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/reset-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * With `email`: sends a link, if the address has an account; the answer does not tell. With `token` and
         *     `new_password`: sets the password and ends every sign-in.
         */
        post: operations["post_auth_reset_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a token up (RFC 7009): the sign-in of a refresh token or an access token ends, with all its
         *     tokens. 200 whatever the token was.
         */
        post: operations["post_auth_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My live sign-ins, newest first; the newest hundred. */
        get: operations["get_auth_sessions"];
        put?: never;
        post?: never;
        /** Ends all my sign-ins but this one. */
        delete: operations["delete_auth_sessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/sessions/{session_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends one of my sign-ins, with every token of it. */
        delete: operations["delete_auth_sessions_session_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs the first admin in by the link that a start printed. Works until an admin has signed in. */
        post: operations["post_auth_setup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/totp/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sets the app up by its first code. Every other sign-in ends. */
        post: operations["post_auth_totp_confirm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/totp/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes the app away. */
        post: operations["post_auth_totp_disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/totp/enroll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begins to set up an authenticator app; it counts once `/totp/confirm` has seen its first code. Takes a
         *     confirmation of the last five minutes.
         */
        post: operations["post_auth_totp_enroll"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whose credential this is, what they have, and how much is left. Takes nothing. Asks the database,
         *     so that whoever was deactivated or signed out fails at once.
         */
        get: operations["get_auth_verify"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/verify-email": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * With `token`: confirms the address that it was sent to. With `{}` and a credential: sends the link
         *     again, at most five times in an hour.
         */
        post: operations["post_auth_verify_email"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begins a payment for something of your own: no plan is had by it. Each call is an order; with an
         *     `Idempotency-Key`, repeats are one.
         */
        post: operations["post_payments_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The plans on sale, cheapest shelf first. */
        get: operations["get_payments_plans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/plans/{plan_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One plan, by id or slug. */
        get: operations["get_payments_plans_plan_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/quote": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What having a plan takes, before you decide: at once or when the term ends, what is counted for the plan you have and
         *     why not more, what is to be paid, and for which time. It changes nothing. An order that is placed by it keeps its
         *     amount while it can be paid.
         */
        post: operations["post_payments_quote"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/refund/{transaction_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends money of a payment back, as often as something is left. Takes `finance` and a confirmation of the
         *     last five minutes. `pending` is on its way and decided by itself.
         */
        post: operations["post_payments_refund_transaction_id"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/status/{transaction_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a payment stands. One that waits for more than five seconds is asked about at the provider. */
        get: operations["get_payments_status_transaction_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * No further term, and no further debit: what is paid stays usable to its end. Where a debit has failed and is being
         *     tried again, it ends at once.
         */
        post: operations["post_payments_subscriptions_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The subscription in force. */
        get: operations["get_payments_subscriptions_current"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What has happened to one's subscriptions, the present one and those before it, newest first. */
        get: operations["get_payments_subscriptions_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/portal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A link to the provider's own page, where a buyer changes a card or ends what debits by itself. For those who have
         *     paid by a rail that has one (Stripe).
         */
        post: operations["post_payments_subscriptions_portal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begins the purchase of a further term of the plan that is in force. It is added to the end of what is paid, however
         *     early it is bought. An open order for it is returned again instead of a second one.
         */
        post: operations["post_payments_subscriptions_renew"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a cancellation back, before the term is over; it renews as it did before. */
        post: operations["post_payments_subscriptions_resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/subscriptions/subscribe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begins a purchase. A dearer plan than the one in force begins once it is paid, and what is left of the old one is
         *     counted; a cheaper one follows when the paid term ends (`POST /payments/quote` says which, with every number). A free plan is yours at once; for a paid one you get what to pay with, and it
         *     is yours when the provider has confirmed the money. An open order for the same plan is returned
         *     again instead of a second one.
         */
        post: operations["post_payments_subscriptions_subscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payments, newest first: one's own; with `finance` everybody's, unless `mine=true`. */
        get: operations["get_payments_transactions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/transactions/{transaction_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One payment: one's own; with `finance` anybody's. */
        get: operations["get_payments_transactions_transaction_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payments/webhooks/{provider}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Receives a provider's callback and answers in that provider's own words. */
        post: operations["post_payments_webhooks_provider"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether a call would pass now. Takes nothing; always 200, since a verdict is not a failure. */
        get: operations["get_quota_check"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/commit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charges a hold, or a part of it; the others are given back. A repeat is answered as the first. */
        post: operations["post_quota_commit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/consume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charges a call: check and deduct are one step. */
        post: operations["post_quota_consume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/extend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves the end of a hold, for work that takes longer. */
        post: operations["post_quota_extend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/refund": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives the units of a charge back, once; the log keeps both rows. A repeat is answered as the first. */
        post: operations["post_quota_refund"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives a hold back. A repeat is answered as the first. */
        post: operations["post_quota_release"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quota/reserve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets units aside: they are there when the work is done. Settle them by commit or release; when `ttl_seconds` are
         *     over, they are given back by themselves.
         */
        post: operations["post_quota_reserve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What leads to the number that `GET /quota/check` serves at this moment: the rules, and every step with what is left
         *     after it. The steps are worked out from the plan, the grants, the log and the holds, not from the counter; their sum
         *     is the number.
         */
        get: operations["get_usage_explain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The log of usage, newest first, as a page or as a table: one's own; with `usage.read` everybody's, unless `mine=true`. */
        get: operations["get_usage_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The open period by resource type, today, and the last seven days. */
        get: operations["get_usage_summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage/timeseries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Units and calls over time, a point for every hour, day or month, also where nothing was used: one's own; with
         *     `usage.read` somebody's, or everybody's by user.
         */
        get: operations["get_usage_timeseries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description A credential that is good. What does not apply is absent. */
        ActiveShape: {
            /** @description true */
            active: boolean;
            /** @description Of a key that may be used from these addresses and networks only: whoever lets it in sees to it. */
            allowed_addresses?: string[];
            /** Format: uuid */
            api_key_id?: string | null;
            /**
             * Format: int64
             * @description Unix seconds; absent = never.
             */
            exp?: number | null;
            /**
             * Format: int64
             * @description Unix seconds.
             */
            iat?: number | null;
            iss: string;
            livemode: boolean;
            /**
             * Format: int32
             * @description Of a key that may call so often in a minute.
             */
            rate_limit_per_minute?: number | null;
            /** @description Of a key that is limited to scopes, separated by spaces. */
            scope?: string | null;
            /**
             * Format: uuid
             * @description Of a host application.
             */
            service_key_id?: string | null;
            /**
             * Format: uuid
             * @description Of the sign-in.
             */
            sid?: string | null;
            /**
             * Format: uuid
             * @description Of the person; a host application's key has none.
             */
            sub?: string | null;
            /** @description `Bearer`, of what may be sent as such. */
            token_type?: string | null;
            /** @description `access`, `refresh`, `api_key` or `service_key`. A refresh token must not open anything. */
            type: string;
            username?: string | null;
        };
        /** @description A page of plans. */
        AdminPlanPage: {
            data: components["schemas"]["AdminPlanShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A plan as staff see it. */
        AdminPlanShape: components["schemas"]["PlanShape"] & {
            /**
             * Format: date-time
             * @description Since when it is kept only for those who have it.
             */
            archived_at?: string | null;
            /**
             * Format: int64
             * @description Days of use after a term that was not paid on.
             */
            grace_days: number;
            /**
             * Format: int64
             * @description How many have it now.
             */
            subscribers: number;
            /**
             * Format: date-time
             * @description Of the newest version.
             */
            updated_at: string;
            /**
             * Format: int64
             * @description Counts its changes.
             */
            version: number;
            /** @description Of one plan: what was on sale when, newest first. */
            versions?: components["schemas"]["PlanVersionShape"][] | null;
        };
        /** @description A page of keys. */
        ApiKeyPage: {
            data: components["schemas"]["ApiKeyShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A key, without its secret. */
        ApiKeyShape: {
            /**
             * @description From where it may be used; empty = from anywhere.
             * @example [
             *       "203.0.113.0/24"
             *     ]
             */
            allowed_addresses: string[];
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description Null = never.
             */
            expires_at?: string | null;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            /** @description The whole key, this once. */
            key?: string | null;
            /** @description `sk_live_abc...` */
            key_prefix: string;
            /** Format: date-time */
            last_used_at?: string | null;
            name: string;
            /**
             * Format: int32
             * @description Null = no limit of its own.
             */
            rate_limit_per_minute?: number | null;
            /**
             * Format: uuid
             * @description The key it takes the place of.
             */
            rotated_from?: string | null;
            /** @description What it may be used for; empty = everything. */
            scopes: string[];
        };
        /** @description A page of deeds. */
        AuditPage: {
            data: components["schemas"]["AuditShape"][];
            has_more: boolean;
            /** Format: int64 */
            next_cursor?: number | null;
        };
        /** @description A deed. */
        AuditShape: {
            /** @description `user.deactivated` … */
            action: string;
            /** Format: uuid */
            actor_id?: string | null;
            /** @description `user`, `api_key`, `service`, `operator`, `system`. */
            actor_kind: string;
            address?: string | null;
            after?: Record<string, unknown> | null;
            /** Format: date-time */
            at: string;
            before?: Record<string, unknown> | null;
            /** Format: uuid */
            id: string;
            reason?: string | null;
            request_id?: string | null;
            subject_id: string;
            subject_kind: string;
        };
        /** @description What was begun. */
        BegunShape: {
            /**
             * Format: uuid
             * @description Of the delivery.
             */
            delivery_id: string;
        };
        /** @description A call of the provider. */
        CallInShape: {
            event_key?: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            received_at: string;
            /**
             * Format: int64
             * @description What we answered.
             */
            reply_status: number;
            /** @description `verified`, `forged`, `foreign` or `unreadable`. */
            verdict: string;
        };
        /** @description A call to the provider. */
        CallOutShape: {
            /** Format: date-time */
            finished_at?: string | null;
            /** @description `create`, `query`, `close`, `refund`, `refund_query` … */
            operation: string;
            provider_code?: string | null;
            /** @description Our number in it. */
            request_no: string;
            /** Format: date-time */
            started_at: string;
            /** @description `intent`, `succeeded`, `refused` or `unknown`. */
            state: string;
        };
        /** @description Why it ends. */
        CancelBody: {
            /** @description For the operator, in at most 500 characters. */
            reason?: string | null;
        };
        /** @description The present password and another. */
        ChangeBody: {
            /** Format: password */
            current_password: string;
            /**
             * Format: password
             * @description 8 to 128 characters, not easily guessed, not the present one.
             */
            new_password: string;
        };
        /** @description A page of changes. */
        ChangePage: {
            data: components["schemas"]["ChangeShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description One change in the life of a subscription. */
        ChangeShape: {
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description How it stood after it. */
            detail: Record<string, unknown>;
            /**
             * Format: uuid
             * @description The plan before.
             */
            from_plan_id?: string | null;
            /**
             * Format: uuid
             * @description Of the change.
             */
            id: string;
            /**
             * @description `activated`, `renewed`, `changed`, `past_due`, `cancelled`, `resumed`, `expired`, `refunded` or `replaced`.
             * @example activated
             */
            kind: string;
            /**
             * Format: uuid
             * @description Of which subscription.
             */
            subscription_id: string;
            /**
             * Format: uuid
             * @description The plan after; null when nothing follows.
             */
            to_plan_id?: string | null;
            /**
             * Format: uuid
             * @description The payment that brought it about.
             */
            transaction_id?: string | null;
        };
        /** @description What a call would be answered. */
        CheckShape: {
            /** @description Whether `consume` would pass now. */
            allowed: boolean;
            /** @description Why not: `quota_exceeded`, `subscription_required` or `validation_failed`. */
            code?: string | null;
            /**
             * Format: int64
             * @description Units it would take; null when it has no price.
             */
            cost?: number | null;
            quota?: components["schemas"]["QuotaShape"] | null;
        };
        /** @description A purchase begun. */
        CheckoutShape: {
            /** @description What the buyer does next. */
            payment: components["schemas"]["NextStep"];
            subscription?: components["schemas"]["SubscriptionShape"] | null;
            transaction?: components["schemas"]["TransactionShape"] | null;
        };
        /** @description The present password. */
        CloseBody: {
            /** Format: password */
            current_password: string;
        };
        /** @description A code of the app. */
        CodeBody: {
            /** @example 287082 */
            code: string;
        };
        /** @description Which hold, and how much of it. */
        CommitBody: {
            /**
             * Format: int64
             * @description How many calls' worth, at most what was reserved; all of it when left out.
             */
            cost?: number | null;
            /** @description As it was given. */
            reservation_id: string;
        };
        /** @description The password, or a code. */
        ConfirmBody: {
            /** @description Of the app, or a recovery code. */
            code?: string | null;
            /** Format: password */
            current_password?: string | null;
        };
        /** @description A call to charge. */
        ConsumeBody: {
            /**
             * Format: int64
             * @description How many calls' worth; 1 when left out.
             * @example 1
             */
            cost?: number | null;
            /** @description Kept with the log row. */
            metadata?: Record<string, unknown> | null;
            /** @description What the call was about. */
            resource_id?: string | null;
            /**
             * @description What the call is counted as.
             * @example dicom_processing
             */
            resource_type: string;
            /** @description Whom to charge: service keys name somebody, others nobody. */
            user_id?: string | null;
        };
        /** @description A charge. */
        ConsumeShape: {
            /** @description How the meter stands after it. */
            quota: components["schemas"]["QuotaShape"];
            /**
             * Format: uuid
             * @description Of the row in the usage log.
             */
            usage_id: string;
        };
        /** @description A key to make. */
        CreateApiKeyBody: {
            /**
             * @description Addresses and networks (CIDR); none = from anywhere. At most 50.
             * @example [
             *       "203.0.113.0/24"
             *     ]
             */
            allowed_addresses?: string[];
            /**
             * Format: password
             * @description In place of a confirmation of the last five minutes.
             */
            current_password?: string | null;
            /**
             * Format: date-time
             * @description Null = never.
             */
            expires_at?: string | null;
            /**
             * @description 1 to 100 characters.
             * @example server
             */
            name: string;
            /**
             * Format: int32
             * @description 1 to 1,000,000; null = no limit of its own. Each instance counts for itself.
             */
            rate_limit_per_minute?: number | null;
            /** @description `quota`, `usage`, `payments`, `account`, and those of the application; none = everything. */
            scopes?: string[];
        };
        /** @description A payment to begin. */
        CreatePaymentBody: {
            /**
             * @description Decimal text with exactly the currency's places; this or `amount_minor`.
             * @example 9.90
             */
            amount?: string | null;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor?: number | null;
            /** @description On what the buyer pays, as at subscribe. */
            client?: string | null;
            /**
             * @description ISO 4217; `DEFAULT_CURRENCY` when left out.
             * @example CNY
             */
            currency?: string | null;
            /**
             * @description What the buyer reads: 1 to 127 characters.
             * @example A printed report
             */
            description: string;
            /**
             * @description What you keep with it: at most 50 names of 1 to 40 characters, each with a text of at most 500
             *     characters, a number or a truth value.
             */
            metadata?: {
                [key: string]: unknown;
            } | null;
            /** @description The buyer in your WeChat application; `jsapi` takes it. */
            openid?: string | null;
            /**
             * @description `alipay`.
             * @example alipay
             */
            payment_method: string;
            /** @description Where the buyer's browser comes back to, as at subscribe. */
            return_url?: string | null;
        };
        /** @description A key to make. */
        CreateServiceKeyBody: {
            /** @description Addresses and networks (CIDR); none = from anywhere. At most 50. */
            allowed_addresses?: string[];
            /**
             * Format: date-time
             * @description Null = never.
             */
            expires_at?: string | null;
            /**
             * @description Which application: 1 to 100 characters.
             * @example dicom-viewer
             */
            name: string;
            /**
             * @description One or more of `quota`, `introspect`, `users.read`, `users.write`, `payments.read`,
             *     `usage.read`, `audit.read`.
             * @example [
             *       "quota",
             *       "introspect"
             *     ]
             */
            scopes: string[];
        };
        /** @description What is left of the running term: the smallest of these shares of what it is worth. Later terms that are paid count whole. */
        CreditShape: {
            /**
             * Format: int64
             * @description Of how many.
             */
            hours: number;
            /**
             * Format: int64
             * @description Whole hours of its time that are left.
             */
            hours_left: number;
            /**
             * @description What the running term is worth; decimal text.
             * @example 99.00
             */
            term_worth: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            term_worth_minor: number;
            /** @description Units that are left in the term, by meter; bonus units go along, and are not counted. */
            units: components["schemas"]["UnitsLeftShape"][];
        };
        /** @description In one currency. */
        CurrencyOverviewShape: {
            /**
             * @description `churned` ÷ `paying_before` as decimal text of four places; null of nobody.
             * @example 0.0313
             */
            churn_rate?: string | null;
            /**
             * Format: int64
             * @description Of those, people who do not at the end.
             */
            churned: number;
            /**
             * @description ISO 4217.
             * @example CNY
             */
            currency: string;
            /**
             * Format: int64
             * @description The same that were bought for ever.
             */
            lifetime: number;
            /**
             * @description Monthly recurring revenue at the end: the prices of the terms that are paid and in force, brought to one month.
             *     What was bought for ever is left out.
             */
            mrr: components["schemas"]["SumShape"];
            /** @description The same at the beginning. */
            mrr_before: components["schemas"]["SumShape"];
            /**
             * Format: int64
             * @description People who pay for a term at the end and did not at the beginning.
             */
            new: number;
            /**
             * Format: int64
             * @description Subscriptions at the end that are paid for and have a term.
             */
            paying: number;
            /**
             * Format: int64
             * @description People who paid for a term at the beginning.
             */
            paying_before: number;
            /** @description Money within the time. */
            revenue: components["schemas"]["TurnoverShape"];
        };
        /** @description An event on its way, with its tries. */
        DeliveryDetail: components["schemas"]["DeliveryShape"] & {
            /** @description The newest hundred of the last 30 days, newest first. */
            tries: components["schemas"]["TryShape"][];
        };
        /** @description A page of deliveries. */
        DeliveryPage: {
            data: components["schemas"]["DeliveryShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description An event on its way. */
        DeliveryShape: {
            /**
             * Format: int64
             * @description Tries so far.
             */
            attempts: number;
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            endpoint_id: string;
            /**
             * Format: uuid
             * @description The `webhook-id` of every try.
             */
            event_id: string;
            /** @description Its type. */
            event_type: string;
            /**
             * Format: date-time
             * @description When it was decided.
             */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Of the delivery.
             */
            id: string;
            /** @description Why there was no answer. */
            last_error?: string | null;
            /**
             * Format: int64
             * @description What the receiver answered last.
             */
            last_status?: number | null;
            /**
             * Format: date-time
             * @description When the next one is; null when there is none.
             */
            next_attempt_at?: string | null;
            /**
             * @description `open`, `succeeded` or `failed`.
             * @example succeeded
             */
            state: string;
        };
        /** @description The password and a code. */
        DisableBody: {
            /**
             * @description Of the app, or a recovery code.
             * @example 287082
             */
            code: string;
            /** Format: password */
            current_password: string;
        };
        /** @description What is done again and again, by one instance at a time. */
        DutyShape: {
            /**
             * Format: date-time
             * @description The next run. While one is under way, the end of its lease: then somebody else takes it.
             */
            due_at: string;
            /**
             * Format: int64
             * @description From the end of one run to the next.
             */
            every_seconds: number;
            /**
             * Format: int32
             * @description Runs that failed in a row.
             */
            failures: number;
            /**
             * Format: int64
             * @description How often it changed hands: who holds an older number writes nothing.
             */
            fence: number;
            /**
             * Format: uuid
             * @description Of its job.
             */
            id: string;
            /** @description Whose it was. */
            last_by?: string | null;
            /**
             * Format: date-time
             * @description Of the last run that ended.
             */
            last_ended_at?: string | null;
            last_error?: string | null;
            /** @description `succeeded` or `failed`. */
            last_outcome?: string | null;
            /**
             * Format: date-time
             * @description Of the last run that ended.
             */
            last_started_at?: string | null;
            /** @description Which instance is at it, or was cut off. */
            lease_holder?: string | null;
            /**
             * Format: date-time
             * @description Since when.
             */
            lease_since?: string | null;
            /** @example expire_holds */
            name: string;
            /**
             * Format: int64
             * @description Runs that were begun.
             */
            runs: number;
            /** @description What it does. */
            says: string;
            /**
             * @description `waiting`, `running`, or `failing` while its last run failed.
             * @example waiting
             */
            state: string;
        };
        /** @description A receiver, as it should be. */
        EndpointBody: {
            /** @description At most 200 characters. */
            description?: string | null;
            /** @description Whether it is told. */
            enabled?: boolean | null;
            /**
             * @description Which types; empty or left out: all.
             * @example [
             *       "payment.completed"
             *     ]
             */
            event_types?: string[] | null;
            /**
             * @description https, to a public address.
             * @example https://shop.example/hooks
             */
            url?: string | null;
        };
        /** @description All of them. */
        EndpointList: {
            data: components["schemas"]["EndpointShape"][];
        };
        /** @description A receiver of events. */
        EndpointShape: {
            /** Format: date-time */
            created_at: string;
            description: string;
            /** @description Why it is switched off, if nobody did it. */
            disabled_reason?: string | null;
            /** @description Whether it is told. */
            enabled: boolean;
            /** @description Which types; empty: all. */
            event_types: string[];
            /**
             * Format: date-time
             * @description Since when it takes nothing.
             */
            failing_since?: string | null;
            /**
             * Format: uuid
             * @description Of the endpoint.
             */
            id: string;
            /** @description `whsec_…`, when it is made or exchanged; never again. */
            secret?: string | null;
            /**
             * @description Where to.
             * @example https://shop.example/hooks
             */
            url: string;
        };
        /** @description For an authenticator app. */
        EnrolmentShape: {
            /** @description For the camera. */
            otpauth_url: string;
            /** @description In base32, for typing. */
            secret: string;
        };
        /** @description What they may use. */
        Entitled: {
            /** @description Slug of the plan. */
            plan?: string | null;
            quota?: Record<string, unknown> | null;
            subscription?: Record<string, unknown> | null;
        };
        /** @description The rules and the steps that lead to a number. */
        ExplainShape: {
            /**
             * @description Whether the plan, the grants, the log and the holds lead to what is served by themselves; otherwise the last step
             *     is `unexplained`.
             */
            agrees: boolean;
            /**
             * Format: date-time
             * @description The moment that all of it was read at.
             */
            at: string;
            /**
             * @description What is served at that moment: the number that is explained is its `remaining`, of an unlimited meter its `used`
             *     and `reserved`.
             */
            quota: components["schemas"]["QuotaShape"];
            /** @description By which rules. */
            rules: components["schemas"]["RulesShape"];
            /**
             * @description In their order: the sum of all `units` is `remaining`. Of an unlimited meter, those that take are `used` and
             *     `reserved`.
             */
            steps: components["schemas"]["StepShape"][];
            /**
             * Format: uuid
             * @description Whose.
             */
            user_id: string;
        };
        /** @description Which hold, and until when. */
        ExtendBody: {
            /** @description As it was given. */
            reservation_id: string;
            /**
             * Format: int64
             * @description From now: 1 to 86400; `RESERVATION_TTL_SECONDS` when left out.
             */
            ttl_seconds?: number | null;
        };
        /** @description What was given. */
        Given: components["schemas"]["GivenShape"] | components["schemas"]["GivenPlanShape"];
        /** @description Terms of a plan that were given. */
        GivenPlanShape: {
            /**
             * Format: date-time
             * @description When the last of them ends; null = never.
             */
            current_period_end?: string | null;
            /**
             * Format: date-time
             * @description Until when it gives a right, days of grace included; null = for ever.
             */
            entitled_until?: string | null;
            /** @description Of which plan. */
            plan_slug: string;
            /**
             * Format: uuid
             * @description What they belong to: begun by it, or extended.
             */
            subscription_id: string;
            /**
             * Format: int32
             * @description How many.
             */
            terms: number;
        };
        /** @description What was given, and what became of it. */
        GivenShape: {
            /** @description The bonus units. */
            grant: components["schemas"]["GrantShape"];
            /** @description How their meter stands with them. */
            quota: components["schemas"]["QuotaShape"];
        };
        /** @description What is given, and why: units, or terms of a plan. */
        GrantBody: {
            /**
             * Format: date-time
             * @description When what is left of the units is gone; null or left out = never.
             */
            expires_at?: string | null;
            /** @description Of which meter; the first of the plan when left out. */
            meter?: string | null;
            /**
             * @description Terms of this plan.
             * @example pro
             */
            plan_slug?: string | null;
            /**
             * @description 1 to 500 characters; the person reads it in `GET /usage/explain`.
             * @example the outage of 3 May
             */
            reason: string;
            /**
             * Format: int32
             * @description How many of them: 1 to 120; 1 when left out.
             */
            terms?: number | null;
            /**
             * Format: int64
             * @description Bonus units: 1 to 1000000000.
             * @example 100
             */
            units?: number | null;
        };
        /** @description Bonus units. */
        GrantShape: {
            /**
             * Format: int64
             * @description Units of them that are used up or set aside, in all periods.
             */
            burned: number;
            /**
             * Format: date-time
             * @description When they were given.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When what is left of them is gone; null = never.
             */
            expires_at?: string | null;
            /**
             * Format: uuid
             * @description Of the grant.
             */
            id: string;
            /** @description Why. */
            reason: string;
            /**
             * Format: int64
             * @description Units that were given.
             */
            units: number;
        };
        /** @description A header as it came. */
        HeaderShape: {
            name: string;
            /** @description What is not UTF-8 in it is replaced. */
            value: string;
        };
        /** @description A payment, and what was said about it. */
        HistoryShape: {
            /** @description Oldest first. */
            calls_in: components["schemas"]["CallInShape"][];
            /** @description Oldest first. */
            calls_out: components["schemas"]["CallOutShape"][];
            /** @description Newest first. */
            refunds: components["schemas"]["RefundShape"][];
            /** @description Money that came under its number and is kept apart; oldest first. */
            suspense: components["schemas"]["SuspenseShape"][];
            transaction: components["schemas"]["TransactionShape"];
        };
        /** @description Units set aside. */
        HoldShape: {
            /**
             * Format: date-time
             * @description When they are given back by themselves.
             */
            expires_at: string;
            /** @description How the meter stands after it. */
            quota: components["schemas"]["QuotaShape"];
            /**
             * Format: uuid
             * @description Of the hold.
             */
            reservation_id: string;
            /**
             * Format: int64
             * @description Units set aside.
             */
            units: number;
        };
        /** @description What a credential is good for (RFC 7662). Of one that is good for nothing, `active` is all there is. */
        IntrospectionShape: components["schemas"]["ActiveShape"] | {
            /** @description false */
            active: boolean;
        };
        /** @description Somebody who is asked in. */
        InviteBody: {
            /** @example ann@example.com */
            email: string;
            /** @description `zh` or `en`. */
            locale?: string | null;
        };
        /** @description The standing duties, and a page of jobs. */
        JobPage: {
            data: components["schemas"]["JobShape"][];
            /** @description All of them, on every page. */
            duties: components["schemas"]["DutyShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description Work to do later. What it carries is not shown. */
        JobShape: {
            /**
             * Format: int64
             * @description Tries since it was last asked for.
             */
            attempts: number;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When it is done; while somebody is at it, the end of the lease. Null when it is over.
             */
            due_at?: string | null;
            /**
             * Format: int64
             * @description How often it changed hands.
             */
            fence: number;
            /** Format: date-time */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Of the job.
             */
            id: string;
            /**
             * @description What is done.
             * @example letter
             */
            kind: string;
            /**
             * @description Who does it.
             * @example mail
             */
            lane: string;
            /** @description Why it was put off or given up. */
            last_error?: string | null;
            /**
             * @description `open`, `dead` or `done`.
             * @example open
             */
            state: string;
            /** @description What it is about, where an id names that: of `reconcile` the transaction, of `refund` the refund. */
            subject_id?: string | null;
        };
        /** @description Public keys (RFC 7517 §5). */
        KeySet: {
            /** @description Of the key that signs, the one that will, and those whose tokens are still good; none under HS256. */
            keys: Record<string, unknown>[];
        };
        /** @description A person in a list. */
        ListedShape: {
            /** Format: date-time */
            created_at: string;
            email: string;
            email_verified: boolean;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_superuser: boolean;
            /** Format: date-time */
            last_login_at?: string | null;
            /**
             * Format: date-time
             * @description When one of their live sign-ins was last used; true to the hour.
             */
            last_seen_at?: string | null;
            username: string;
        };
        /** @description Who signs in, by address or name; as a form also in OAuth's dress. */
        LoginBody: {
            /** @example ann@example.com */
            email?: string | null;
            /** @description `password`, in a form. */
            grant_type?: string | null;
            /** Format: password */
            password: string;
            /** @description A user name or an address. */
            username?: string | null;
        };
        /** @description A refresh token whose sign-in is to end as well. */
        LogoutBody: {
            refresh_token?: string | null;
        };
        /** @description A person, and what they have. */
        MeShape: components["schemas"]["UserShape"] & {
            /** @description With `expand=subscription` only. */
            subscription?: Record<string, unknown> | null;
        };
        /** @description Where the endpoints are (RFC 8414). */
        Metadata: {
            grant_types_supported: string[];
            introspection_endpoint: string;
            introspection_endpoint_auth_methods_supported: string[];
            /** @example https://pay.example.com */
            issuer: string;
            jwks_uri: string;
            /** @description None: there is no authorization endpoint. */
            response_types_supported: string[];
            revocation_endpoint: string;
            revocation_endpoint_auth_methods_supported: string[];
            service_documentation: string;
            token_endpoint: string;
            token_endpoint_auth_methods_supported: string[];
        };
        /** @description A meter, as it should be. */
        MeterBody: {
            /**
             * Format: int64
             * @description Units in a period; null = unlimited. Must be given.
             */
            limit?: number | null;
            /**
             * @description What is counted.
             * @example processing_count
             */
            meter: string;
            /**
             * @description `month` (the default), `calendar`, `term` or `never`.
             * @example month
             */
            reset?: string | null;
        };
        /** @description What the buyer does next. */
        NextStep: {
            /** @description The hosted page. */
            checkout_url?: string | null;
            /**
             * Format: date-time
             * @description When the buyer can no longer pay.
             */
            expires_at?: string | null;
            /**
             * @description `qr`: scan; `redirect`: go to `url`; `app`: hand `order_string` to the provider's kit;
             *     `jsapi`: hand `params` to the bridge; `none`: nothing.
             * @example qr
             */
            kind: string;
            /** @description The signed order for the provider's kit in an app. */
            order_string?: string | null;
            /** @description The signed parameters for the bridge in the provider's own browser. */
            params?: {
                [key: string]: string;
            } | null;
            /** @description The text to draw. */
            qr_content?: string | null;
            /** @description The drawing, relative to the service. */
            qr_svg_url?: string | null;
            /**
             * @description The provider's page, for the buyer's browser. Whoever comes back from there has proven
             *     nothing: ask how the payment stands.
             */
            url?: string | null;
        };
        /** @description Somebody who gets an account. */
        OpenBody: {
            /** @example ann@example.com */
            email: string;
            /** @description `zh` or `en`. */
            locale?: string | null;
            /** @description For the audit log. */
            reason?: string | null;
            /** @example ann */
            username: string;
        };
        /** @description The business within a time. */
        OverviewShape: {
            /** @description One of each currency that anything was sold in. */
            currencies: components["schemas"]["CurrencyOverviewShape"][];
            /**
             * Format: date-time
             * @description First moment of it.
             */
            from: string;
            /** @description People, whatever they pay. */
            people: components["schemas"]["PeopleShape"];
            /** @description Orders that were placed within it, by rail and currency. */
            rails: components["schemas"]["RailOverviewShape"][];
            /**
             * Format: date-time
             * @description First moment after it; figures of a moment are of this one.
             */
            to: string;
        };
        /** @description A period that is over. */
        PastShape: {
            /**
             * Format: int64
             * @description Units of the plan that nobody used, and that are gone; null = unlimited.
             */
            dropped?: number | null;
            /**
             * Format: date-time
             * @description First moment after.
             */
            end: string;
            /**
             * Format: int64
             * @description Units of the plan, and of the bonus units those that were burned; null = unlimited.
             */
            limit?: number | null;
            /**
             * Format: int64
             * @description Still set aside.
             */
            reserved: number;
            /**
             * Format: date-time
             * @description First moment.
             */
            start: string;
            /**
             * Format: int64
             * @description Charged.
             */
            used: number;
        };
        /** @description People. */
        PeopleShape: {
            /**
             * Format: int64
             * @description Who got the first plan of all within the time.
             */
            began: number;
            /**
             * @description `converted` ÷ `began`; null of nobody.
             * @example 0.2500
             */
            conversion_rate?: string | null;
            /**
             * Format: int64
             * @description Of those, who has paid since, and did not get all of it back.
             */
            converted: number;
            /**
             * Format: int64
             * @description Who has something in force at the end, free plans and trials included.
             */
            entitled: number;
            /**
             * Format: int64
             * @description Of those, who tries a plan before the first payment.
             */
            trialing: number;
        };
        /** @description A period of quota. */
        PeriodShape: {
            /**
             * Format: date-time
             * @description First moment after.
             */
            end: string;
            /**
             * Format: date-time
             * @description The same, by the name that every quota has it under.
             */
            resets_at: string;
            /**
             * Format: date-time
             * @description First moment.
             */
            start: string;
        };
        /** @description A plan, as it should be. */
        PlanBody: {
            /**
             * @description `monthly`, `yearly` or `lifetime`.
             * @example monthly
             */
            billing_cycle?: string | null;
            /**
             * @description ISO 4217; of a new plan `DEFAULT_CURRENCY` when left out.
             * @example CNY
             */
            currency?: string | null;
            /** @description In the language of the house. */
            description?: string | null;
            /** @description In the language of the house, one line each. */
            features?: string[] | null;
            /**
             * Format: int64
             * @description 0 to 90.
             */
            grace_days?: number | null;
            /** @description `zh` and `en`, each with `name`, `description`, `features`, `meters`; what is left out stays. */
            i18n?: Record<string, unknown> | null;
            /** @description Whether it can be bought. */
            is_active?: boolean | null;
            /** @description Given to everybody who registers; takes the place of the one before. */
            is_default?: boolean | null;
            /** @description 1 to 10, the first one in front. */
            meters?: components["schemas"]["MeterBody"][] | null;
            /** @description In the language of the house: `i18n` of that language, for short. */
            name?: string | null;
            /**
             * @description Decimal text with exactly the currency's places; 0 is free.
             * @example 99.00
             */
            price?: string | null;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            price_minor?: number | null;
            /**
             * Format: int64
             * @description Of the first meter; null = unlimited.
             */
            quota_limit?: number | null;
            /** @description The first meter, for short. */
            quota_type?: string | null;
            /** @description What a call takes, by resource type (`*`: any other): units of the first meter, or `{"meter", "units"}`. */
            resource_costs?: Record<string, unknown> | null;
            /**
             * @description What code calls it: 1 to 63 of `a-z 0-9 -`.
             * @example pro
             */
            slug?: string | null;
            /**
             * Format: int64
             * @description Smaller stands first.
             */
            sort_order?: number | null;
            /**
             * Format: int64
             * @description 0 to 365.
             */
            trial_days?: number | null;
            /**
             * Format: int64
             * @description Of a change: the version it is made from; refused when there is a newer one.
             */
            version?: number | null;
        };
        /** @description A list. */
        PlanList: {
            data: components["schemas"]["PlanShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A meter of a plan. */
        PlanMeterShape: {
            /**
             * Format: int64
             * @description Units in a period; null = unlimited, 0 = none.
             */
            limit?: number | null;
            /**
             * @description What is counted.
             * @example processing_count
             */
            meter: string;
            /**
             * @description What a buyer reads behind a number of units, in the language of the house; `meter` where there is no word.
             * @example processed images
             */
            name?: string;
            /**
             * @description `month` (of the subscription), `calendar` (month), `term` or `never`.
             * @example month
             */
            reset: string;
        };
        /** @description A plan, as it is for sale. */
        PlanShape: {
            /**
             * @description How long one payment lasts.
             * @example monthly
             */
            billing_cycle: string;
            /**
             * Format: date-time
             * @description Of the first version.
             */
            created_at: string;
            /**
             * @description ISO 4217.
             * @example CNY
             */
            currency: string;
            /** @description One sentence. */
            description: string;
            /** @description One line each. */
            features: string[];
            /** @description Name, description, features and the words for meters in `zh` and `en`. */
            i18n: Record<string, unknown>;
            /**
             * Format: uuid
             * @description Of the plan.
             */
            id: string;
            /** @description Whether it can be bought. */
            is_active: boolean;
            /** @description Given to everybody who registers. */
            is_default: boolean;
            /** @description All meters, the first one in front. */
            meters?: components["schemas"]["PlanMeterShape"][];
            /** @description In the language of the house. */
            name: string;
            /**
             * @description Decimal text with the currency's exact scale.
             * @example 99.00
             */
            price: string;
            /**
             * Format: int64
             * @description The same in minor units.
             * @example 9900
             */
            price_minor: number;
            /**
             * Format: int64
             * @description Units in a month; null = unlimited, 0 = none.
             */
            quota_limit?: number | null;
            /**
             * @description What is counted.
             * @example processing_count
             */
            quota_type: string;
            /** @description Units that one call of a resource type takes; `*` is any other. Of the first meter, or of the one that is named. */
            resource_costs: Record<string, unknown>;
            /** @description What code calls it. */
            slug: string;
            /**
             * Format: int64
             * @description Smaller stands first.
             */
            sort_order: number;
            /**
             * Format: int64
             * @description Days of use before the first payment.
             */
            trial_days?: number;
        };
        /** @description What was on sale in a version; a sold one stays as it is. */
        PlanVersionShape: {
            /** @description How long one payment lasted. */
            billing_cycle: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            created_at: string;
            /**
             * Format: uuid
             * @description By whom; null: the house or its operator.
             */
            created_by?: string | null;
            /** @description ISO 4217. */
            currency: string;
            /** @description One line each. */
            features: string[];
            /** @description The first one in front. */
            meters: components["schemas"]["PlanMeterShape"][];
            /** @description Decimal text with the currency's exact scale. */
            price: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            price_minor: number;
            /** @description Units that one call of a resource type took; `*` is any other. */
            resource_costs: Record<string, unknown>;
            /**
             * Format: int64
             * @description Counted from 1.
             */
            version: number;
        };
        /** @description An hour, a day or a month. */
        PointShape: {
            /**
             * Format: int64
             * @description Calls.
             */
            count: number;
            /**
             * Format: int64
             * @description Units, less those that were given back in it.
             */
            quota_cost: number;
            /**
             * Format: date-time
             * @description When it begins.
             */
            t: string;
        };
        /** @description Where the provider's page leads back to. */
        PortalBody: {
            /** @description On an origin of `PUBLIC_URL` or `CORS_ORIGINS`; the service itself, if left out. */
            return_url?: string | null;
        };
        /** @description The way to the provider's page. */
        PortalShape: {
            /** @description Short-lived, for this buyer only: go there at once, never store or mail it. */
            url: string;
        };
        /** @description What is to be different; what is not given stays. */
        ProfileBody: {
            /** Format: password */
            current_password?: string | null;
            /** @description Takes `current_password`, and counts once the new address has confirmed it. */
            email?: string | null;
            /** @description `zh` or `en`. */
            locale?: string | null;
            /** @description 3 to 32 letters, digits and `_ - .` */
            username?: string | null;
        };
        /** @description How a meter stands. */
        QuotaShape: {
            /**
             * Format: int64
             * @description Null = unlimited.
             */
            limit?: number | null;
            /**
             * Format: date-time
             * @description When this period began.
             */
            period_start?: string | null;
            /** @description Which meter. */
            quota_type: string;
            /**
             * Format: int64
             * @description Left in this period; null = unlimited.
             */
            remaining?: number | null;
            /**
             * Format: int64
             * @description Set aside in this period.
             */
            reserved: number;
            /**
             * Format: date-time
             * @description When the next period begins.
             */
            resets_at: string;
            /**
             * Format: int64
             * @description Charged in this period.
             */
            used: number;
        };
        /** @description Which plan. */
        QuoteBody: {
            /** @description Id (or slug) of the plan. */
            plan_id?: string | null;
            /**
             * @description Slug of the plan.
             * @example pro
             */
            plan_slug?: string | null;
        };
        /** @description What having a plan takes, with every number. */
        QuoteShape: {
            /**
             * @description To pay now; decimal text.
             * @example 200.34
             */
            amount: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor: number;
            /**
             * @description Counted for what is left of the plan before; decimal text.
             * @example 98.66
             */
            credit: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            credit_minor: number;
            credit_of?: components["schemas"]["CreditShape"] | null;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: date-time
             * @description When the plan begins.
             */
            effective_at: string;
            /** @description What is in force now, by its slug; null = nothing. */
            from_plan?: string | null;
            /**
             * @description `begin` (at once), `renew` (behind what is paid), `upgrade` (at once, what is left of the plan before is counted),
             *     `downgrade` (when the paid term ends), `unchanged` (you have it) or `refused` (not beside what you have).
             * @example upgrade
             */
            kind: string;
            /**
             * Format: date-time
             * @description First moment after it; null = no end.
             */
            period_end?: string | null;
            /**
             * Format: date-time
             * @description First moment of what is bought.
             */
            period_start: string;
            /** @description The plan. */
            plan: components["schemas"]["PlanShape"];
            /**
             * Format: int32
             * @description Terms that are bought: more than one where what is counted is worth more than one.
             */
            terms: number;
        };
        /** @description What became of orders. */
        RailOverviewShape: {
            /**
             * Format: int64
             * @description Paid.
             */
            completed: number;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: int64
             * @description Never paid.
             */
            expired: number;
            /**
             * Format: int64
             * @description Refused by the rail or by the buyer's bank.
             */
            failed: number;
            /**
             * Format: int64
             * @description May still be paid.
             */
            open: number;
            /**
             * @description By which rail.
             * @example alipay
             */
            payment_method: string;
            /**
             * @description `completed` ÷ (`completed` + `failed`); null of nothing.
             * @example 0.9750
             */
            success_rate?: string | null;
        };
        /** @description Which deliveries are sent once more. */
        RecoverBody: {
            /** @description What was given up (unless said); `false`: what arrived too. */
            failed_only?: boolean | null;
            /**
             * Format: date-time
             * @description First put on their way from this moment on.
             */
            from: string;
            /**
             * Format: date-time
             * @description And before this one.
             */
            to: string;
        };
        /** @description What was begun. */
        RecoveredShape: {
            /**
             * Format: int64
             * @description How many are sent once more; not those that were on their way.
             */
            recovered: number;
        };
        /** @description Codes for when the app is lost. */
        RecoveryShape: {
            /** @description Each works once; shown this once. */
            recovery_codes: string[];
        };
        /** @description A refresh token. */
        RefreshBody: {
            /** @description `refresh_token`, in a form. */
            grant_type?: string | null;
            refresh_token: string;
        };
        /** @description How much goes back, and why. */
        RefundBody: {
            /**
             * @description Decimal text; with neither this nor `amount_minor`, all that is left.
             * @example 9.90
             */
            amount?: string | null;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor?: number | null;
            /**
             * @description `true`: what was bought ends, though a part goes back; `false`: it stays, though all does. Left out:
             *     it ends when all has gone back. A renewal takes its own term off the end.
             */
            end_subscription?: boolean | null;
            /**
             * @description 1 to 256 characters; the buyer may read it.
             * @example paid twice
             */
            reason: string;
        };
        /** @description A page of refunds. */
        RefundPage: {
            data: components["schemas"]["RefundShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description Money that goes back. */
        RefundShape: {
            /**
             * @description Decimal text.
             * @example 9.90
             */
            amount: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor: number;
            /**
             * Format: date-time
             * @description Of the refund.
             */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /** @description The provider's own word for why it failed. */
            failure_code?: string | null;
            /**
             * Format: uuid
             * @description Of the refund.
             */
            id: string;
            /**
             * @description Who wanted it: `admin`, `surplus`, `console` or `dispute`.
             * @example admin
             */
            origin: string;
            /** @description Why. */
            reason: string;
            /**
             * Format: date-time
             * @description When it was decided.
             */
            settled_at?: string | null;
            /**
             * @description `pending` (it is on its way, or asked about), `succeeded` or `failed`.
             * @example succeeded
             */
            status: string;
            /**
             * Format: uuid
             * @description Of the money in suspense that it sends back.
             */
            suspense_id?: string | null;
            /**
             * Format: uuid
             * @description Of the payment that it takes from; `null` for money that paid none.
             */
            transaction_id?: string | null;
        };
        /** @description An account to open. */
        RegisterBody: {
            /** @example ann@example.com */
            email: string;
            /** @description From the link of an invitation, where registration is by invitation. */
            invite_token?: string | null;
            /** @description `zh` or `en`. */
            locale?: string | null;
            /**
             * Format: password
             * @description 8 to 128 characters, not easily guessed.
             */
            password: string;
            /**
             * @description 3 to 32 letters, digits and `_ - .`
             * @example ann
             */
            username: string;
        };
        /** @description Which hold. */
        ReleaseBody: {
            /** @description As it was given. */
            reservation_id: string;
        };
        /** @description A further term to pay. */
        RenewBody: {
            /**
             * @description What you believe it costs; refused when it does not, never used.
             * @example 99.00
             */
            amount?: string | null;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor?: number | null;
            /** @description On what the buyer pays, as for `subscribe`. */
            client?: string | null;
            /** @description ISO 4217. */
            currency?: string | null;
            /** @description The buyer in your WeChat application; `jsapi` takes it. */
            openid?: string | null;
            /**
             * @description `alipay`.
             * @example alipay
             */
            payment_method: string;
            /**
             * @description Where the buyer's browser comes back to, as for `subscribe`.
             * @example https://shop.example/paid
             */
            return_url?: string | null;
        };
        /** @description A call whose units are to be set aside. */
        ReserveBody: {
            /**
             * Format: int64
             * @description How many calls' worth; 1 when left out.
             * @example 1
             */
            cost?: number | null;
            /** @description Kept with the log row. */
            metadata?: Record<string, unknown> | null;
            /** @description What the call is about. */
            resource_id?: string | null;
            /**
             * @description What the call is counted as.
             * @example dicom_processing
             */
            resource_type: string;
            /**
             * Format: int64
             * @description How long, in seconds: 1 to 86400; `RESERVATION_TTL_SECONDS` when left out.
             */
            ttl_seconds?: number | null;
            /** @description For whom. */
            user_id?: string | null;
        };
        /** @description Either an address, to be sent a link, or the link's token and a new password. */
        ResetBody: {
            /** @example ann@example.com */
            email?: string | null;
            /** Format: password */
            new_password?: string | null;
            token?: string | null;
        };
        /** @description What becomes of it, and why. */
        ResolveBody: {
            /**
             * @description `apply`: it pays an order; `refund`: it goes back; `hold`: it stays for now.
             * @example refund
             */
            action: string;
            /**
             * @description 1 to 256 characters; who gets money back may read it.
             * @example paid twice
             */
            reason: string;
            /** @description With `apply`: which order; left out, the one it came for. */
            transaction_id?: string | null;
        };
        /** @description What was used of one resource type. */
        ResourceUsageShape: {
            /**
             * Format: int64
             * @description Calls.
             */
            count: number;
            /**
             * Format: int64
             * @description Units.
             */
            quota_cost: number;
            /** @description Which. */
            resource_type: string;
        };
        /** @description Nothing to say. */
        ResumeBody: Record<string, unknown>;
        /** @description An hour, a day or a month. */
        RevenuePointShape: components["schemas"]["TurnoverShape"] & {
            /**
             * Format: date-time
             * @description When it begins.
             */
            t: string;
        };
        /** @description One line. */
        RevenueSeriesShape: {
            /** @description ISO 4217. */
            currency: string;
            /**
             * @description By which rail.
             * @example alipay
             */
            payment_method: string;
            /** @description One after the other, also where nothing was paid. */
            points: components["schemas"]["RevenuePointShape"][];
            /** @description All of it together. */
            total: components["schemas"]["TurnoverShape"];
        };
        /** @description Revenue over time. */
        RevenueShape: {
            /** @description `hour`, `day` or `month`. */
            interval: string;
            /** @description One line of each rail and currency that had any. */
            series: components["schemas"]["RevenueSeriesShape"][];
            /** @description By whose clock. */
            tz: string;
        };
        /** @description Exactly these roles. */
        RolesBody: {
            /** @description For the audit log. */
            reason?: string | null;
            /** @description `admin`, `finance`, `support`, `read_only`. */
            roles: string[];
        };
        /** @description Roles of a person, and what comes of them. */
        RolesShape: {
            permissions: string[];
            /** @description `admin`, `finance`, `support`, `read_only`. */
            roles: string[];
        };
        /** @description How a key is renewed. */
        RotateApiKeyBody: {
            /**
             * Format: password
             * @description In place of a confirmation of the last five minutes.
             */
            current_password?: string | null;
            /**
             * Format: date-time
             * @description Of the new key; left out: it lives as long as the old one was given.
             */
            expires_at?: string | null;
            /**
             * Format: int32
             * @description How long the old key goes on: 0 to 2,592,000 (30 days); a day when left out. 0 = it ends at once.
             * @example 86400
             */
            overlap_seconds?: number | null;
        };
        /** @description How a key is renewed. */
        RotateServiceKeyBody: {
            /**
             * Format: date-time
             * @description Of the new key; left out: it lives as long as the old one was given.
             */
            expires_at?: string | null;
            /**
             * Format: int32
             * @description How long the old key goes on: 0 to 2,592,000 (30 days); a day when left out. 0 = it ends at once.
             * @example 86400
             */
            overlap_seconds?: number | null;
        };
        /** @description By which rules a number is counted. */
        RulesShape: {
            /**
             * Format: date-time
             * @description Where the counting of periods begins.
             */
            anchor_at: string;
            /**
             * Format: int32
             * @description The day of the month on which they begin, in the zone.
             * @example 31
             */
            anchor_day: number;
            /**
             * @description By whose calendar: the IANA name.
             * @example Asia/Shanghai
             */
            anchor_zone: string;
            /**
             * Format: date-time
             * @description When the subscription gives no right any more, as it stands now; null = no end.
             */
            entitled_until?: string | null;
            /**
             * Format: int64
             * @description Units of the plan in this period; null = unlimited.
             */
            limit?: number | null;
            /** @description The period that it is in. */
            period: components["schemas"]["PeriodShape"];
            /**
             * Format: uuid
             * @description Of its plan.
             */
            plan_id: string;
            /** @description What people call it. */
            plan_name: string;
            /**
             * @description What code calls the plan.
             * @example pro
             */
            plan_slug: string;
            /**
             * Format: int64
             * @description In which version it was bought.
             */
            plan_version: number;
            /**
             * Format: int64
             * @description Units that one such call takes.
             */
            price?: number | null;
            /**
             * @description `month`, `calendar`, `term` or `never`.
             * @example month
             */
            reset: string;
            /** @description What calls were asked about; null when none was. */
            resource_type?: string | null;
            /**
             * Format: uuid
             * @description Of the subscription.
             */
            subscription_id: string;
            /** @description Why it is this period. */
            text: components["schemas"]["TextShape"];
            /**
             * Format: date-time
             * @description When what is paid for next begins, if that is of another plan or version; null = nothing is.
             */
            turns_at?: string | null;
        };
        /** @description The second half of a sign-in. */
        SecondHalfBody: {
            /** @description From the refusal of the first half. */
            challenge_token: string;
            /**
             * @description Of the app, or a recovery code.
             * @example 287082
             */
            code: string;
        };
        /** @description One line. */
        SeriesShape: {
            /** @description `total` where nothing is told apart; otherwise what the line is of. `none`: without a key; `other`: the rest. */
            key: string;
            /** @description One after the other, also where nothing was used. */
            points: components["schemas"]["PointShape"][];
        };
        /** @description A page of service keys. */
        ServiceKeyPage: {
            data: components["schemas"]["ServiceKeyShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A service key, without its secret. */
        ServiceKeyShape: {
            /** @description From where it may be used; empty = from anywhere. */
            allowed_addresses: string[];
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            created_by?: string | null;
            /**
             * Format: date-time
             * @description Null = never.
             */
            expires_at?: string | null;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            /** @description The whole key, this once. */
            key?: string | null;
            /** @description `sk_live_abc...` */
            key_prefix: string;
            /** Format: date-time */
            last_used_at?: string | null;
            name: string;
            /**
             * Format: uuid
             * @description The key it takes the place of.
             */
            rotated_from?: string | null;
            /**
             * @description What it may be used for.
             * @example [
             *       "quota"
             *     ]
             */
            scopes: string[];
        };
        /** @description All of them. */
        SessionList: {
            data: components["schemas"]["SessionShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A live sign-in. */
        SessionShape: {
            /** @description From where it began. */
            address?: string | null;
            /** Format: date-time */
            created_at: string;
            /** @description Whether this call belongs to it. */
            current: boolean;
            /** @description As the device calls itself. */
            device?: string | null;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            /**
             * Format: date-time
             * @description When it was last renewed.
             */
            last_seen_at: string;
        };
        /** @description The link of a start. */
        SetUpBody: {
            token: string;
        };
        /** @description A hold that has ended. */
        SettledShape: {
            /**
             * Format: int64
             * @description Units charged; the others were given back.
             */
            charged: number;
            /** @description How its meter stands in its period. */
            quota: components["schemas"]["QuotaShape"];
            /**
             * Format: uuid
             * @description Of the hold.
             */
            reservation_id: string;
            /**
             * Format: uuid
             * @description Of the row in the usage log; null when nothing was charged.
             */
            usage_id?: string | null;
        };
        /** @description One step. */
        StepShape: {
            /**
             * Format: date-time
             * @description When; of a sum, its end.
             */
            at: string;
            /**
             * Format: int64
             * @description What is left after it; null = unlimited.
             */
            balance?: number | null;
            before?: components["schemas"]["PastShape"] | null;
            /**
             * Format: int64
             * @description How many calls, grants or holds it tells of.
             */
            count?: number | null;
            /**
             * Format: date-time
             * @description When units that are set aside are given back by themselves.
             */
            expires_at?: string | null;
            grant?: components["schemas"]["GrantShape"] | null;
            /**
             * @description `reset` (the period before ended), `plan` (its units), `kept` (used under a plan before, beyond it), `carried` (bonus units from earlier periods), `bonus` (those
             *     of this period), `expired` (bonus units that ended unused, or came back after their end), `opening` (used before the account was taken
             *     over from another system), `use`, `refund` (units of a use given back), `earlier`
             *     (uses whose rows are not kept any more), `hold` (set aside, not settled), `unexplained`.
             * @example use
             */
            kind: string;
            /**
             * Format: uuid
             * @description The use that a single refund gives back.
             */
            refund_of?: string | null;
            /**
             * Format: uuid
             * @description Of a single hold.
             */
            reservation_id?: string | null;
            /** @description As what calls were counted; left out where a sum is of several. */
            resource_type?: string | null;
            /**
             * Format: date-time
             * @description Of a sum, its beginning.
             */
            since?: string | null;
            /** @description The same, for people. */
            text: components["schemas"]["TextShape"];
            /**
             * Format: int64
             * @description What it adds, below nothing for what it takes; null = without a limit.
             */
            units?: number | null;
            /**
             * Format: uuid
             * @description The row in the log, of a single use or refund.
             */
            usage_id?: string | null;
        };
        /** @description A purchase to begin. */
        SubscribeBody: {
            /**
             * @description What you believe it costs; refused when it does not, never used.
             * @example 99.00
             */
            amount?: string | null;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor?: number | null;
            /**
             * @description On what the buyer pays: `pc` (a code to scan), `page` (the provider's page at a desk), `h5` (a
             *     phone's browser), `app` or `jsapi`. Without it, told by the `User-Agent`.
             */
            client?: string | null;
            /** @description ISO 4217. */
            currency?: string | null;
            /** @description The buyer in your WeChat application; `jsapi` takes it. */
            openid?: string | null;
            /**
             * @description `alipay`. Free plans need none.
             * @example alipay
             */
            payment_method?: string | null;
            /** @description Id (or slug) of the plan. */
            plan_id?: string | null;
            /**
             * @description Slug of the plan.
             * @example pro
             */
            plan_slug?: string | null;
            /** @description The same by another name. */
            price?: string | null;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            price_minor?: number | null;
            /**
             * @description Where the buyer's browser comes back to, on an origin of `PUBLIC_URL` or `CORS_ORIGINS`.
             *     Coming back proves nothing: ask for the status.
             * @example https://shop.example/paid
             */
            return_url?: string | null;
            /** @description To try it first, without money, where the plan has `trial_days`: once per person, and over by itself. */
            trial?: boolean | null;
        };
        /** @description What somebody has. */
        SubscriptionShape: {
            /** @description Whether the rail debits by itself. */
            auto_renew: boolean;
            /** @description Whether it ends with the term. */
            cancel_at_period_end: boolean;
            /**
             * Format: date-time
             * @description When a term that is paid already begins, of another plan or version.
             */
            changes_at?: string | null;
            /**
             * Format: date-time
             * @description Of the first term.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description First moment after the term; null = no end.
             */
            current_period_end?: string | null;
            /**
             * Format: date-time
             * @description First moment of the term.
             */
            current_period_start: string;
            /**
             * Format: date-time
             * @description Until when it gives a right; null = no end.
             */
            entitled_until?: string | null;
            /**
             * Format: uuid
             * @description Of the subscription.
             */
            id: string;
            /** @description Whether it gives any right now. */
            is_entitled: boolean;
            /**
             * Format: uuid
             * @description The plan that is wanted when the paid term ends.
             */
            next_plan_id?: string | null;
            /** @description The plan. */
            plan: components["schemas"]["PlanShape"];
            /**
             * Format: uuid
             * @description Of which plan.
             */
            plan_id: string;
            /**
             * Format: int64
             * @description Of the first meter; null = unlimited.
             */
            quota_limit?: number | null;
            /**
             * Format: int64
             * @description Of the first meter; null = unlimited.
             */
            quota_remaining?: number | null;
            /**
             * Format: int64
             * @description Of the first meter, in its period.
             */
            quota_used: number;
            /** @description `automatic` or `manual`. */
            renewal: string;
            /**
             * Format: date-time
             * @description When the next period of quota begins.
             */
            resets_at: string;
            /**
             * @description How it stands: `active`, `trialing`, `past_due` (a debit failed and is tried again), `grace` (usable some days after
             *     an unpaid term), `cancelling`, `expired`, `refunded` or `replaced`.
             * @example active
             */
            state?: string;
            /**
             * @description `active`, `cancelled` or `expired`.
             * @example active
             */
            status: string;
            /**
             * Format: date-time
             * @description Of the last change.
             */
            updated_at: string;
            /**
             * Format: uuid
             * @description Whose.
             */
            user_id: string;
        };
        /** @description A sum of money; it may be below zero. */
        SumShape: {
            /**
             * @description Decimal text with the currency's exact scale.
             * @example 99.00
             */
            amount: string;
            /**
             * Format: int64
             * @description The same in minor units.
             * @example 9900
             */
            amount_minor: number;
        };
        /** @description A page of it. */
        SuspensePage: {
            data: components["schemas"]["SuspenseShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description Verified money that fits no payable order. */
        SuspenseShape: {
            /**
             * @description Decimal text.
             * @example 99.00
             */
            amount: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor: number;
            /**
             * @description `unknown_order`, `amount`, `currency`, `rail`, `environment`, `surplus` or `ended_order` (what it paid
             *     for can no longer be given).
             * @example surplus
             */
            cause: string;
            /**
             * Format: date-time
             * @description When it came.
             */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: uuid
             * @description Of this money.
             */
            id: string;
            /** @description Why it was decided so. */
            note?: string | null;
            /** @description The order number it came under, as the provider wrote it. */
            order_no: string;
            /**
             * @description By which rail it came.
             * @example alipay
             */
            payment_method: string;
            /** @description The provider's number of it. */
            provider_transaction_id: string;
            /**
             * Format: date-time
             * @description When.
             */
            resolved_at?: string | null;
            /**
             * Format: uuid
             * @description Who decided; `null` where a rule did, or nobody has.
             */
            resolved_by?: string | null;
            /**
             * @description `open` (waits for somebody), `held` (looked at), `applied`, `refunding` or `refunded`.
             * @example open
             */
            state: string;
            /**
             * Format: uuid
             * @description The order of that number, if there is one.
             */
            transaction_id?: string | null;
        };
        /** @description One sentence in both languages. */
        TextShape: {
            /** @description English */
            en: string;
            /** @description 简体中文 */
            zh: string;
        };
        /** @description A token, as OAuth clients send it. */
        TokenBody: {
            token: string;
            /** @description Not needed: a token tells its own kind. */
            token_type_hint?: string | null;
        };
        /** @description A pair of tokens. */
        TokensShape: {
            /** @description For calls: `Authorization: Bearer …` */
            access_token: string;
            /**
             * Format: int64
             * @description Seconds.
             * @example 900
             */
            expires_in: number;
            /** @description For the next pair; used once. */
            refresh_token: string;
            /** @description `bearer` */
            token_type: string;
            user: components["schemas"]["UserShape"];
        };
        /** @description A page of payments. */
        TransactionPage: {
            data: components["schemas"]["TransactionShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A payment. */
        TransactionShape: {
            /**
             * @description Decimal text.
             * @example 99.00
             */
            amount: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            amount_minor: number;
            /**
             * Format: date-time
             * @description Of the order.
             */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: date-time
             * @description When the buyer can no longer pay.
             */
            expires_at: string;
            /** @description Why it failed. */
            failure_code?: string | null;
            /**
             * Format: uuid
             * @description Of the transaction.
             */
            id: string;
            /** @description Whether real money moved. */
            livemode: boolean;
            /** @description Whatever the caller gave. */
            metadata: Record<string, unknown>;
            /** @description Its number at the provider. */
            order_no: string;
            /**
             * Format: date-time
             * @description When the money was seen.
             */
            paid_at?: string | null;
            /**
             * @description `alipay`, `wechat` or `stripe`.
             * @example alipay
             */
            payment_method: string;
            /** @description The provider's number of the money. */
            payment_provider_id?: string | null;
            /**
             * Format: uuid
             * @description Which plan.
             */
            plan_id?: string | null;
            /**
             * @description `subscription`, `renewal`, `change` or `one_off`.
             * @example subscription
             */
            purpose: string;
            /** @description Decimal text. */
            refunded_amount: string;
            /**
             * Format: int64
             * @description The same in minor units.
             */
            refunded_amount_minor: number;
            /**
             * @description `pending`, `completed`, `failed` or `refunded`.
             * @example pending
             */
            status: string;
            /**
             * Format: uuid
             * @description What it paid for; null until it has.
             */
            subscription_id?: string | null;
            /**
             * Format: uuid
             * @description Who pays.
             */
            user_id: string;
        };
        /** @description One attempt. */
        TryShape: {
            /**
             * Format: date-time
             * @description When it was over.
             */
            at: string;
            /**
             * Format: int64
             * @description From 1, over every resending.
             */
            attempt: number;
            /**
             * Format: int64
             * @description How long it took, in microseconds.
             */
            duration_us: number;
            /** @description Why there was no answer. */
            error?: string | null;
            /**
             * Format: int64
             * @description What the receiver answered.
             */
            status?: number | null;
        };
        /** @description What came in and what went back. */
        TurnoverShape: {
            /** @description Of orders that were paid. */
            gross: components["schemas"]["SumShape"];
            /** @description What is left; below zero where more went back. */
            net: components["schemas"]["SumShape"];
            /**
             * Format: int64
             * @description How many orders.
             */
            payments: number;
            /** @description Of refunds that went through, whenever their order was paid. */
            refunded: components["schemas"]["SumShape"];
            /**
             * Format: int64
             * @description How many refunds.
             */
            refunds: number;
        };
        /** @description Which charge, and why. */
        UnitRefundBody: {
            /** @description Kept with the row that gives it back: 1 to 500 characters. */
            reason: string;
            /** @description Of the row in the usage log. */
            usage_id: string;
        };
        /** @description Units of a usage that were given back. */
        UnitRefundShape: {
            /** @description How the meter stands in the period of the usage. */
            quota: components["schemas"]["QuotaShape"];
            /**
             * Format: uuid
             * @description Of the row that gives it back; the log keeps both.
             */
            refund_usage_id: string;
            /**
             * Format: int64
             * @description Units given back.
             */
            units: number;
            /**
             * Format: uuid
             * @description What was given back.
             */
            usage_id: string;
        };
        /** @description Units of a meter in the running term. */
        UnitsLeftShape: {
            /**
             * Format: int64
             * @description Left.
             */
            left: number;
            /** @description Of which meter. */
            meter: string;
            /**
             * Format: int64
             * @description Of how many.
             */
            of: number;
        };
        /** @description What is to be different. */
        UpdateBody: {
            /** @description False ends every sign-in at once. */
            is_active: boolean;
            /** @description For the audit log. */
            reason?: string | null;
        };
        /** @description A page of the log. */
        UsageLogPage: {
            data: components["schemas"]["UsageLogShape"][];
            has_more: boolean;
            next_cursor?: string | null;
            /**
             * Format: int64
             * @description Where it is asked for; null when there are more than 10,000.
             */
            total?: number | null;
        };
        /** @description A row of the log: a charge, or units that were given back. */
        UsageLogShape: {
            /**
             * Format: uuid
             * @description Which key made the call; null for a sign-in and for a host application.
             */
            api_key_id?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /**
             * Format: uuid
             * @description Of the row.
             */
            id: string;
            /** @description What the call had to say. */
            metadata: Record<string, unknown>;
            /** @description Which meter was charged. */
            meter: string;
            /**
             * Format: int64
             * @description Units of it; below zero: they were given back.
             */
            quota_cost: number;
            /**
             * Format: uuid
             * @description Whose units it gives back.
             */
            refund_of?: string | null;
            /**
             * Format: int64
             * @description What the call said it costs, before the plan's price.
             */
            requested_cost: number;
            /**
             * Format: uuid
             * @description Which reservation was charged.
             */
            reservation_id?: string | null;
            /** @description What it was about. */
            resource_id?: string | null;
            /** @description What the call was counted as. */
            resource_type: string;
            /**
             * Format: uuid
             * @description What they had.
             */
            subscription_id: string;
            /**
             * Format: uuid
             * @description Who used it.
             */
            user_id: string;
        };
        /** @description Usage over time. */
        UsageSeriesShape: {
            /** @description `hour`, `day` or `month`. */
            interval: string;
            /** @description The largest first; the rest, where there is one, last. */
            series: components["schemas"]["SeriesShape"][];
            /** @description By whose clock. */
            tz: string;
        };
        /** @description What was used. */
        UsageSummaryShape: {
            /** @description In the open period of its meter, by resource type. */
            by_resource: components["schemas"]["ResourceUsageShape"][];
            /**
             * Format: int64
             * @description Units of the last seven days.
             */
            last_7d: number;
            /** @description How each meter of the plan stands, the first first. */
            meters: components["schemas"]["QuotaShape"][];
            /** @description The open period. */
            period: components["schemas"]["PeriodShape"];
            /** @description How the first meter stands. */
            quota: components["schemas"]["QuotaShape"];
            /**
             * Format: int64
             * @description Units since midnight of the service's zone.
             */
            today: number;
        };
        /** @description A page of people. */
        UserPage: {
            data: components["schemas"]["ListedShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A person. */
        UserShape: {
            /** Format: date-time */
            created_at: string;
            email: string;
            email_verified: boolean;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_superuser: boolean;
            /** @description `zh` or `en`. */
            locale: string;
            permissions: string[];
            /** Format: date-time */
            updated_at: string;
            username: string;
        };
        /** @description Whose credential it is, and what they may use. */
        Verification: components["schemas"]["Entitled"] & {
            /**
             * Format: uuid
             * @description Null for a sign-in.
             */
            api_key_id?: string | null;
            /**
             * Format: date-time
             * @description Of the credential; null = never.
             */
            expires_at?: string | null;
            permissions: string[];
            /** @description What a key may be used for; null: everything. */
            scopes?: string[] | null;
            /**
             * @description `user` or `api_key`.
             * @example api_key
             */
            subject_type: string;
            user: components["schemas"]["UserShape"];
            /** @description Always true: a credential that is not good is a problem. */
            valid: boolean;
        };
        /** @description A token, or nothing to be sent one. */
        VerifyEmailBody: {
            /** @description From the link. */
            token?: string | null;
        };
        /** @description A call with its bytes. */
        WebhookEventDetail: components["schemas"]["WebhookEventShape"] & {
            /** @description The bytes as they came. */
            body_base64: string;
            /** @description The same as text, where they are UTF-8. */
            body_text?: string | null;
            /** @description Without credentials. */
            headers: components["schemas"]["HeaderShape"][];
        };
        /** @description A page of calls. */
        WebhookEventPage: {
            data: components["schemas"]["WebhookEventShape"][];
            has_more: boolean;
            next_cursor?: string | null;
        };
        /** @description A call of a provider. */
        WebhookEventShape: {
            /**
             * Format: int64
             * @description From its last byte to our answer, in microseconds.
             */
            duration_us: number;
            /** @description The same at every delivery of one event. */
            event_key?: string | null;
            /** Format: uuid */
            id: string;
            /**
             * @description What the event came to, at its first delivery: `paid`, `repeated` (paid before, by this very money),
             *     `suspended`, `refund_noted` …
             */
            outcome?: string | null;
            /** @description `alipay`, `wechat` or `stripe`. */
            provider: string;
            /** Format: date-time */
            received_at: string;
            /**
             * Format: uuid
             * @description Of which call it is the replay.
             */
            replay_of?: string | null;
            /**
             * Format: int64
             * @description What we answered.
             */
            reply_status: number;
            /**
             * Format: uuid
             * @description Which payment it is about.
             */
            transaction_id?: string | null;
            /** @description `verified`, `forged`, `stale`, `foreign`, `unreadable` or `probe`. */
            verdict: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_well_known_oauth_authorization_server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Metadata"];
                };
            };
        };
    };
    get_admin_audit_log: {
        parameters: {
            query?: {
                /** @description To which kind of thing: `user` … */
                subject_kind?: string;
                /** @description To which; only with its kind. */
                subject_id?: string;
                /** @description By whom. */
                actor_id?: string;
                /** @description `csv`: a table of up to 10,000 rows instead of a page. */
                format?: string;
                /** @description 1 to 100; of a table up to 10,000. */
                limit?: number;
                /** @description `next_cursor` of the page before. */
                starting_after?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_invites: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InviteBody"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_jobs: {
        parameters: {
            query?: {
                /** @description `open`, `dead` or `done`; else open and dead ones. */
                state?: string;
                /** @description `mail`, `accounts`, or a rail. */
                lane?: string;
                /** @description `letter`, `reconcile` … */
                kind?: string;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_jobs_job_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_jobs_job_id_retry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: it was not given up */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plans: {
        parameters: {
            query?: {
                /** @description `true`: archived ones only; `false`: none of them. */
                archived?: boolean;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
                /** @description The first id of the page behind. */
                ending_before?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminPlanPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plans: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminPlanShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plans_plan_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description id or slug */
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminPlanShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_plans_plan_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description id or slug */
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description archived */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminPlanShape"];
                };
            };
            /** @description nobody ever had it: gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `plan_in_use`: the default plan */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_admin_plans_plan_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description id or slug */
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminPlanShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `plan_in_use`: another currency, free or no longer free, though it was sold; the default plan off sale */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_refunds: {
        parameters: {
            query?: {
                /** @description Of this payment only. */
                transaction_id?: string;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefundPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_service_keys: {
        parameters: {
            query?: {
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceKeyPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_service_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateServiceKeyBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceKeyShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_service_keys_service_key_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                service_key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_service_keys_service_key_id_rotate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                service_key_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateServiceKeyBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceKeyShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found`: no such key, or it is over */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_stats_overview: {
        parameters: {
            query?: {
                /** @description From this moment. 30 days before `to` when left out. */
                from?: string;
                /** @description To before this moment. Now when left out, and at the latest. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OverviewShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_stats_revenue: {
        parameters: {
            query?: {
                /** @description In whole points: from the beginning of the one that this moment lies in. 29 days before `to` when left out. */
                from?: string;
                /** @description To the end of the last point that begins before this moment. Now when left out. */
                to?: string;
                /** @description `hour`, `day` (when left out) or `month`. */
                interval?: string;
                /** @description A time zone of the IANA list. The service's when left out. */
                tz?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevenueShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_stats_usage: {
        parameters: {
            query?: {
                /** @description In whole points: from the beginning of the one that this moment lies in. 29 days before `to` when left out. */
                from?: string;
                /** @description To the end of the last point that begins before this moment. Now when left out. */
                to?: string;
                /** @description `hour`, `day` (when left out) or `month`. */
                interval?: string;
                /** @description `resource_type` (when left out), `meter` or `user`: the 20 who used most, and the rest as `other`. */
                group_by?: string;
                /** @description A time zone of the IANA list. The service's when left out. */
                tz?: string;
                /** @description Of this meter only. */
                meter?: string;
                /** @description Of this only. */
                resource_type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageSeriesShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_suspense: {
        parameters: {
            query?: {
                /** @description `open`, `held`, `applied`, `refunding` or `refunded`. */
                state?: string;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SuspensePage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_suspense_suspense_id_resolve: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                suspense_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResolveBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SuspenseShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: decided already, the order wants other money, another plan is in force; `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_transactions: {
        parameters: {
            query?: {
                /** @description Of this person only. */
                user_id?: string;
                /** @description `pending`, `completed`, `failed` or `refunded`. */
                status?: string;
                /** @description `alipay`, `wechat` or `stripe`. */
                payment_method?: string;
                /** @description Ordered at this moment or later. */
                from?: string;
                /** @description Ordered before this moment. */
                to?: string;
                /** @description `csv`: a table of up to 10,000 rows instead of a page. */
                format?: string;
                /** @description 1 to 100; of a table up to 10,000. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_transactions_transaction_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                transaction_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_transactions_transaction_id_sync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                transaction_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_users: {
        parameters: {
            query?: {
                /** @description Part of the address or the name, or the whole id. */
                q?: string;
                /** @description Only these. */
                is_active?: boolean;
                /** @description `true`: members of staff only; `false`: nobody of them. */
                is_staff?: boolean;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OpenBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserShape"];
                };
            };
            /** @description `email_taken`, `username_taken` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_admin_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `last_admin` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_users_user_id_grant: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours, given once */
                "Idempotency-Key"?: string | null;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GrantBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Given"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `no_subscription`: nothing in force that they could be added to */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: no such plan, another paid one in force, no such meter, an unlimited one, an end that has passed; `unknown_field`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_users_user_id_roles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RolesShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_admin_users_user_id_roles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RolesBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RolesShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `last_admin` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: an unknown role; `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_users_user_id_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found`: no such person, or none set up */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_users_user_id_sessions: {
        parameters: {
            query?: {
                /** @description `true`: every key of the person ends as well. */
                keys?: boolean;
            };
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_webhook_deliveries: {
        parameters: {
            query?: {
                /** @description To this receiver only. */
                endpoint_id?: string;
                /** @description `open`, `succeeded` or `failed`. */
                state?: string;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_webhook_deliveries_delivery_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                delivery_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryDetail"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_webhook_deliveries_delivery_id_resend: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                delivery_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BegunShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: it is on its way */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_webhook_endpoints: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointList"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_webhook_endpoints: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EndpointBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: not https, private, an unknown type; `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_webhook_endpoints_endpoint_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_webhook_endpoints_endpoint_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_admin_webhook_endpoints_endpoint_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EndpointBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_webhook_endpoints_endpoint_id_recover: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecoverBody"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveredShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `unknown_field` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_webhook_endpoints_endpoint_id_rotate_secret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_webhook_endpoints_endpoint_id_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BegunShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_webhook_events: {
        parameters: {
            query?: {
                /** @description `alipay`, `wechat` or `stripe`. */
                provider?: string;
                /** @description `verified`, `forged`, `stale`, `foreign`, `unreadable` or `probe`. */
                verdict?: string;
                /** @description Received at this moment or later. */
                from?: string;
                /** @description Received before this moment. */
                to?: string;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEventPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_webhook_events_webhook_event_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_event_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEventDetail"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_webhook_events_webhook_event_id_replay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_event_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEventDetail"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `method_unavailable`: its rail is not configured now */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_well_known_jwks_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Cache-Control"?: string;
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeySet"];
                };
            };
            /** @description `If-None-Match` names what there is */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_api_keys: {
        parameters: {
            query?: {
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyPage"];
                };
            };
        };
    };
    post_auth_api_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateApiKeyBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyShape"];
                };
            };
            /** @description `permission_denied`: by a key; `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_auth_api_keys_key_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_api_keys_key_id_rotate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateApiKeyBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyShape"];
                };
            };
            /** @description `permission_denied`: by a key; `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found`: no such key, or it is over */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeBody"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_credentials`: not the present password */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `weak_password` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_confirm: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfirmBody"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_credentials` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_export: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
        };
    };
    post_auth_introspect: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": components["schemas"]["TokenBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IntrospectionShape"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginBody"];
                "application/x-www-form-urlencoded": components["schemas"]["LoginBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokensShape"];
                };
            };
            /** @description `bad_request`; a form without `grant_type=password` carries `error: unsupported_grant_type` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_credentials`, `user_inactive` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `second_factor_required` with `challenge_token`: go on at `/auth/login/second-factor` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited`: too many wrong passwords for the account or from the address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `unavailable`: too many passwords at once */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_login_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecondHalfBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokensShape"];
                };
            };
            /** @description `invalid_credentials`: not the code, or it was used */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: the challenge does not work */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LogoutBody"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_me: {
        parameters: {
            query?: {
                /** @description `subscription`: what I have, null without one. */
                expand?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeShape"];
                };
            };
            /** @description `unauthenticated`, `token_revoked`, `user_inactive` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: unknown `expand` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_auth_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfileBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserShape"];
                };
            };
            /** @description `invalid_credentials`: not the present password */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `email_taken`, `username_taken` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_auth_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloseBody"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_credentials` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `last_admin` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_auth_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfileBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserShape"];
                };
            };
        };
    };
    post_auth_refresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshBody"];
                "application/x-www-form-urlencoded": components["schemas"]["RefreshBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokensShape"];
                };
            };
            /** @description `bad_request` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `unauthenticated`, `token_expired`, `token_revoked`, `user_inactive` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_register: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserShape"];
                };
            };
            /** @description `registration_closed` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `email_taken`, `username_taken` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `weak_password` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited`: too many addresses that are taken were asked for */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `unavailable`: too many passwords at once */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_reset_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResetBody"];
            };
        };
        responses: {
            /** @description asked for */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `weak_password` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited`: too many from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": components["schemas"]["TokenBody"];
            };
        };
        responses: {
            /** @description the token is good for nothing, now or before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: there is no `token` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
        };
    };
    delete_auth_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_auth_sessions_session_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                session_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetUpBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokensShape"];
                };
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_totp_confirm: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CodeBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryShape"];
                };
            };
            /** @description `invalid_credentials`: not the code */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: none is being set up */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_totp_disable: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DisableBody"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_credentials` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: there is none */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `rate_limited` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_totp_enroll: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentShape"];
                };
            };
            /** @description `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: there is one already */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_verify: {
        parameters: {
            query?: {
                /** @description One of these plans, by slug, separated by commas. */
                plan?: string;
                /** @description This permission. */
                permission?: string;
                /** @description `true`: that the person showed within the last five minutes that it is they. */
                confirmed?: boolean;
                /** @description Room in the quota for a call that is counted as this. */
                resource_type?: string;
                /** @description How many calls' worth; 1 when left out. */
                cost?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            /** @description a problem that also carries `valid: false`, like every other refusal */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `subscription_required`, `plan_required` */
            402: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied`, `second_factor_required`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `quota_exceeded` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_verify_email: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VerifyEmailBody"];
            };
        };
        responses: {
            /** @description sent again */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description confirmed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `email_taken`: somebody else has the new address by now */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_create: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreatePaymentBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckoutShape"];
                };
            };
            /** @description `idempotency_in_progress` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `amount_mismatch`, `method_unavailable`, `currency_unsupported`, `unknown_field`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `provider_error` */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `payments_not_configured` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_payments_plans: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanList"];
                };
            };
        };
    };
    get_payments_plans_plan_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description id or slug */
                plan_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_quote: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuoteBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuoteShape"];
                };
            };
            /** @description `not_found`: no such plan on sale */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_refund_transaction_id: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same refund again for 24 hours, as it stands then */
                "Idempotency-Key"?: string | null;
            };
            path: {
                transaction_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefundBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefundShape"];
                };
            };
            /** @description `permission_denied`, `confirmation_required` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `refund_in_progress` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `refund_exceeds_payment`; `validation_failed`: nothing paid, nothing left; `unknown_field`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `provider_error`: refused, the amount is free again */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_payments_status_transaction_id: {
        parameters: {
            query?: {
                /** @description Seconds to wait for a change; at most 25. */
                wait?: number;
            };
            header?: never;
            path: {
                transaction_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_subscriptions_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CancelBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionShape"];
                };
            };
            /** @description `no_subscription` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: a free or lifetime plan has no end to cancel to */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_payments_subscriptions_current: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionShape"];
                };
            };
            /** @description `no_subscription` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_payments_subscriptions_history: {
        parameters: {
            query?: {
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
                /** @description The first id of the page after. */
                ending_before?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangePage"];
                };
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_subscriptions_portal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PortalBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalShape"];
                };
            };
            /** @description `no_subscription`: nothing here debits by itself */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `provider_error` */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_subscriptions_renew: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckoutShape"];
                };
            };
            /** @description `no_subscription`; `not_found`: the plan is not on sale any more */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `idempotency_in_progress` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: a free or lifetime plan has no term, or it renews by itself; `amount_mismatch`, `method_unavailable`, `currency_unsupported`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `provider_error` */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `payments_not_configured` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_subscriptions_resume: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResumeBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionShape"];
                };
            };
            /** @description `no_subscription` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_subscriptions_subscribe: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubscribeBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckoutShape"];
                };
            };
            /** @description `not_found`: no such plan on sale */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `idempotency_in_progress` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `amount_mismatch`, `method_unavailable`, `currency_unsupported`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `provider_error` */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `payments_not_configured` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_payments_transactions: {
        parameters: {
            query?: {
                /** @description `pending`, `completed`, `failed` or `refunded`. */
                status?: string;
                /** @description `alipay`, `wechat` or `stripe`. */
                payment_method?: string;
                /** @description Ordered at this moment or later. */
                from?: string;
                /** @description Ordered before this moment. */
                to?: string;
                /** @description With `finance`: `true` for one's own only. */
                mine?: boolean;
                /** @description 1 to 100. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionPage"];
                };
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_payments_transactions_transaction_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                transaction_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_payments_webhooks_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `alipay` */
                provider: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description kept; Alipay: the text `success` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description the signature does not verify */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description meant for another merchant */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description no such rail is configured */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `request_timeout`: the body did not arrive within five seconds */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `body_too_large`: above 256 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `unsupported_media_type`: compressed */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description send it again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_quota_check: {
        parameters: {
            query: {
                /** @description What the call is counted as. */
                resource_type: string;
                /** @description How many calls' worth; 1 when left out. */
                cost?: number;
                /** @description For whom: service keys name somebody, others nobody. */
                user_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    RateLimit?: string;
                    "RateLimit-Policy"?: string;
                    /** @description with the others, unless it is unlimited */
                    "X-Quota-Limit"?: number;
                    "X-Quota-Remaining"?: number;
                    /** @description seconds */
                    "X-Quota-Reset"?: number;
                    "X-Quota-Used"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckShape"];
                };
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_quota_commit: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommitBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettledShape"];
                };
            };
            /** @description `not_found`: nobody's, or another service key's */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `reservation_settled`: released, expired, or committed otherwise */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: above what was reserved */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_quota_consume: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours, charged once */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConsumeBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    RateLimit?: string;
                    "RateLimit-Policy"?: string;
                    /** @description with the others, unless it is unlimited */
                    "X-Quota-Limit"?: number;
                    "X-Quota-Remaining"?: number;
                    /** @description seconds */
                    "X-Quota-Reset"?: number;
                    "X-Quota-Used"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsumeShape"];
                };
            };
            /** @description `subscription_required` */
            402: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `quota_exceeded`, with `quota` and `upgrade_url` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_quota_extend: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExtendBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `reservation_settled` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_quota_refund: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UnitRefundBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnitRefundShape"];
                };
            };
            /** @description `not_found`: no such charge */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_quota_release: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReleaseBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettledShape"];
                };
            };
            /** @description `not_found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `reservation_settled`: it was committed */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_quota_reserve: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same answer again for 24 hours, set aside once */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReserveBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    RateLimit?: string;
                    "RateLimit-Policy"?: string;
                    /** @description with the others, unless it is unlimited */
                    "X-Quota-Limit"?: number;
                    "X-Quota-Remaining"?: number;
                    /** @description seconds */
                    "X-Quota-Reset"?: number;
                    "X-Quota-Used"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldShape"];
                };
            };
            /** @description `subscription_required` */
            402: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `permission_denied`: service keys only */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`, `idempotency_key_reused` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `quota_exceeded`, with `quota` and `upgrade_url` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_usage_explain: {
        parameters: {
            query?: {
                /** @description The meter that calls of this type take from; with neither this nor `meter`, the first of the plan. */
                resource_type?: string;
                /** @description This meter. */
                meter?: string;
                /** @description Whose: takes `usage.read`. Left out: one's own. */
                user_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExplainShape"];
                };
            };
            /** @description `permission_denied`: somebody else's, without `usage.read` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `no_subscription` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed`: no such meter, no price for the resource type */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_usage_logs: {
        parameters: {
            query?: {
                /** @description With `usage.read`: of this person only. */
                user_id?: string;
                /** @description With `usage.read`: `true` for one's own only. */
                mine?: boolean;
                /** @description About this only. */
                resource_id?: string;
                /** @description By this key only. */
                api_key_id?: string;
                /** @description Charged to this meter only. */
                meter?: string;
                /** @description At this moment or later. */
                created_after?: string;
                /** @description Before this moment. */
                created_before?: string;
                /** @description `total`: how many rows there are, if `created_after` is given and no more than 31 days are meant. */
                include?: string;
                /** @description `csv`: a table of up to 10,000 rows instead of a page. */
                format?: string;
                /** @description 1 to 100; of a table up to 10,000. */
                limit?: number;
                /** @description The last id of the page before. */
                starting_after?: string;
                /** @description The first id of the page after. */
                ending_before?: string;
                /** @description of this only; of one of these, where it is given up to 8 times */
                resource_type?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageLogPage"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_usage_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageSummaryShape"];
                };
            };
            /** @description `no_subscription` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_usage_timeseries: {
        parameters: {
            query?: {
                /** @description In whole points: from the beginning of the one that this moment lies in. 29 days before `to` when left out. */
                from?: string;
                /** @description To the end of the last point that begins before this moment. Now when left out. */
                to?: string;
                /** @description `hour`, `day` (when left out) or `month`. */
                interval?: string;
                /** @description `resource_type`, `api_key`, `meter` or, with `usage.read`, `user`: of everybody. One line when left out. */
                group_by?: string;
                /** @description A time zone of the IANA list. The service's when left out. */
                tz?: string;
                /** @description Of this meter only. */
                meter?: string;
                /** @description Of this only. */
                resource_type?: string;
                /** @description With `usage.read`: of this person. */
                user_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageSeriesShape"];
                };
            };
            /** @description `permission_denied` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `validation_failed` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
