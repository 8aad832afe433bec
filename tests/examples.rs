//! The programs in `examples/`, run as a reader of them would.

use std::process::Command;

use crate::actors::{Actor, Team};
use crate::world;

crate::stories![the_help_desks_day_is_the_same_every_time];

/// The table that `helpdesk.py` prints, which a walk through every minute of the day confirms.
const HELP_DESKS_DAY: &str = concat!(
    "               first response            next response               resolution\n",
    "priority    kept  broken   running    kept  broken   running    kept  broken   running\n",
    "urgent        30       4         0      22       2         0      16      14         3\n",
    "high          43       7         0      31       4         3      31       5        11\n",
    "normal        60       9         2      31       5        13      33       4        29\n",
    "low           35       6         4      15       2        12      14       3        26\n",
    "\n",
    "200 tickets at closing time: 11 cancelled, 71 open, 7 paused, 111 resolved. Their ids begin with ",
);

async fn the_help_desks_day_is_the_same_every_time() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let script = world::root().join("examples/helpdesk.py");
    // The stack runs in other threads meanwhile.
    let ran = Command::new("python3")
        .arg(script)
        .env("URL", team.stack.url())
        .env("TEAM", team.id.as_str())
        .env("KEY", key_of(&caller))
        .output()
        .expect("python3 runs the example");
    let (out, err) = (text(ran.stdout), text(ran.stderr));
    assert_eq!((ran.status.code(), err.as_str()), (Some(0), ""), "{out}");
    let run = out.strip_prefix(HELP_DESKS_DAY).expect(&out);
    assert!(run.starts_with("helpdesk-"), "{run}");

    // It leaves no rules and no calendars.
    for path in [team.rules(), team.calendars()] {
        let left = caller.get(&path).await;
        left.assert_is(200, r#"{"success":true,"data":[]}"#);
    }
    let incomplete = Command::new("python3")
        .arg(world::root().join("examples/helpdesk.py"))
        .env_remove("URL")
        .env("TEAM", team.id.as_str())
        .env("KEY", key_of(&caller))
        .output()
        .expect("python3 runs the example");
    assert_eq!(incomplete.status.code(), Some(1));
    let hint = "URL not set. Start `cargo local` and paste the `export` line that it prints into \
                this terminal.\n";
    assert_eq!(text(incomplete.stderr), hint);
}

fn key_of(caller: &Actor) -> &str {
    let (_, bearer) = &caller.headers[0];
    bearer.strip_prefix("Bearer ").expect("a key")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}
