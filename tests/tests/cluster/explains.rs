//! `bellows why` and `bellows check`, as people run them.

use std::fs;

use anyhow::{Context, Result, ensure};
use bellows_tests::paths;

use crate::room::Room;
use crate::stage::Stage;

pub(crate) fn why(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "why")?;
    room.push("web", 27)?;
    room.workload("web", 0, |_| ())?;
    room.until_replicas("web", 3)?;
    let kubeconfig = stage.cluster.admin_kubeconfig().display().to_string();
    let ask = |object: &str| stage.run(&["why", object, "--kubeconfig", &kubeconfig]);
    let words = [
        "why/web  (HPA keda-hpa-web)",
        "replicas   3 within 0 to 10",
        "HPA says   ValidMetricFound: ",
        "metrics    s0-redis-why-web  27, target 10 (AverageValue), read ",
        "decisions ",
        "0 → 3: s0-redis-why-web is 27, target 10 (AverageValue)",
        "hold: active, the HPA scales between the bounds",
    ];
    room.until("why says all that is known", || {
        let (code, told, complaint) = ask("why/web")?;
        ensure!(code == Some(0), "{code:?}: {complaint}");
        let missing: Vec<&&str> = words.iter().filter(|word| !told.contains(**word)).collect();
        ensure!(missing.is_empty(), "{missing:?} is not in\n{told}");
        Ok(Some(()))
    })?;
    room.scaled("web", |spec| spec["maxReplicaCount"] = 1.into())?;
    room.until_replicas("web", 1)?;
    room.until("why says what clips", || {
        let (_, told, _) = ask("why/web")?;
        ensure!(told.contains("replicas   1 within 0 to 1\n"), "it says\n{told}");
        Ok(Some(()))
    })?;
    let (code, told, complaint) = ask("why/nobody")?;
    let unknown = "no ScaledObject why/nobody is served by this cluster's Bellows: does it exist?";
    ensure!(code == Some(2) && told.is_empty() && complaint.contains(unknown), "{code:?} {told} {complaint}");
    Ok(())
}

pub(crate) fn check(stage: &Stage) -> Result<()> {
    let folder = stage.cluster.directory().join("checked");
    fs::create_dir_all(&folder).context("make a folder")?;
    let (scalers, cache) = (paths::scalers().display().to_string(), folder.join("cache").display().to_string());
    let mut files = Vec::new();
    for name in ["secret.yaml", "worker.yaml", "scaledobject.yaml"] {
        let text =
            fs::read_to_string(paths::root().join("tests/src/scenario/redis").join(name)).context("read the demo")?;
        let file = folder.join(name);
        fs::write(&file, text.replace("$REDIS_HOST", "redis:6379")).context("write a manifest")?;
        files.push(file.display().to_string());
    }
    let mut arguments = vec!["check", "--scalers", &scalers, "--cache", &cache];
    arguments.extend(files.iter().map(String::as_str));
    let (code, told, complaint) = stage.run(&arguments)?;
    ensure!(code == Some(0), "{code:?}: {told}{complaint}");
    for word in ["keda-hpa-redis-scaledobject", "s0-redis-celery", "1 ScaledObject, 0 problems"] {
        ensure!(told.contains(word), "{word} is not in\n{told}");
    }

    let good = fs::read_to_string(&files[2]).context("read the manifest")?;
    let line = good.lines().position(|line| line.contains("listLength")).context("it has a length")? + 1;
    let broken = folder.join("broken.yaml");
    fs::write(&broken, good.replace("listLength: \"10\"", "listLength: \"ten\"")).context("write a manifest")?;
    let broken = broken.display().to_string();
    let (code, told, _) = stage.run(&["check", "--scalers", &scalers, "--cache", &cache, &broken])?;
    ensure!(code == Some(1) && told.contains(&format!("{broken}:{line}")), "{code:?}: {told}");
    Ok(())
}
