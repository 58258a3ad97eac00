//! What is to be where: the files, and what HAProxy is to have of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Deployment;
use super::foretell::Content;
use super::process::{Wanted, absolute, chain_of, list_of, name_of, real};
use crate::bundle::Bundle;
use crate::error::Error;
use crate::files::{Files, folder_of};
use crate::haproxy::load::{Loaded, beside};
use crate::haproxy::runtime::{Runtime, RuntimeError};
use crate::haproxy::{CrtEntry, CrtList, Version};
use crate::read::Limits;
use crate::read::files::content;

/// What is to be where.
pub(super) struct Plan {
    pub(super) files: Files,
    /// The certificate files, one for each bundle.
    pub(super) targets: Vec<PathBuf>,
    /// What HAProxy makes of each.
    pub(super) loaded: Vec<Loaded>,
    pub(super) wanted: Vec<Wanted>,
    /// The folders and crt-lists that they are part of.
    pub(super) places: BTreeSet<PathBuf>,
    pub(super) version: Version,
}

impl Plan {
    /// The certificate files, and what HAProxy makes of them.
    pub(super) fn files(&self) -> Vec<(&Path, &Loaded)> {
        let targets = self.targets.iter().map(PathBuf::as_path);
        targets.zip(&self.loaded).collect()
    }
}

/// The files, keys before their certificates, as [`Files`] has it.
pub(super) fn plan_files(
    deployment: &Deployment,
    bundles: &[Bundle],
    version: Version,
) -> Result<Plan, Error> {
    let to = absolute(&deployment.to);
    let mut files = Files::new();
    let mut targets = Vec::new();
    for (index, bundle) in bundles.iter().enumerate() {
        let target = match (bundles.len(), index) {
            (1, _) => to.clone(),
            (_, 0) => beside(&to, "ecdsa"),
            _ => beside(&to, "rsa"),
        };
        if deployment.issuer {
            files.issuer(bundle, beside(&target, "issuer"));
        }
        match deployment.split_key {
            true => {
                files.key(bundle, beside(&target, "key"));
                files.certificates(bundle, &target);
            }
            false => files.haproxy(bundle, &target),
        }
        targets.push(target);
    }
    if let Some(list) = &deployment.crt_list {
        add_lines(&mut files, list, &to, &targets)?;
    }
    Ok(Plan {
        files,
        targets,
        loaded: Vec::new(),
        wanted: Vec::new(),
        places: BTreeSet::new(),
        version,
    })
}

/// The crt-list with lines for those that have none.
fn add_lines(files: &mut Files, list: &Path, to: &Path, targets: &[PathBuf]) -> Result<(), Error> {
    let bytes = content(list, Limits::default().max_bytes)?;
    let (mut lines, _) = CrtList::parse(&list.to_string_lossy(), &bytes);
    let known: Vec<String> = lines
        .entries()
        .map(|(_, entry)| entry.file().to_owned())
        .collect();
    let mut is_changed = false;
    for target in targets {
        // A base name stands for both twins.
        if name_of(target, &known).is_some() || name_of(to, &known).is_some() {
            continue;
        }
        let entry = CrtEntry::new(target.to_string_lossy()).map_err(|error| Error::NotEncoded {
            format: "a crt-list's line",
            reason: error.to_string(),
        })?;
        lines.push(&entry);
        is_changed = true;
    }
    if is_changed {
        files.text(lines.to_bytes(), list);
    }
    Ok(())
}

pub(super) fn content_of<'p>(files: &'p Files, target: &'p Path) -> Content<'p> {
    let of = |path: &Path| {
        let mut contents = files.contents();
        contents
            .find(|(known, _)| *known == path)
            .map(|(_, bytes)| bytes)
    };
    Content {
        path: target,
        pem: of(target).unwrap_or_default(),
        key: of(&beside(target, "key")),
        issuer: of(&beside(target, "issuer")),
    }
}

/// What a process has.
pub(super) struct Asked {
    names: Vec<String>,
    lists: Vec<String>,
}

pub(super) fn asked(runtime: &Runtime) -> Result<Asked, RuntimeError> {
    Ok(Asked {
        names: runtime.certificates()?.names,
        lists: runtime.crt_lists()?,
    })
}

pub(super) fn wanted(
    deployment: &Deployment,
    runtime: &Runtime,
    asked: &Asked,
    target: &Path,
    bundle: &Bundle,
) -> Result<Wanted, String> {
    let known = name_of(target, &asked.names);
    let list = match &deployment.crt_list {
        Some(list) => Some(
            name_of(list, &asked.lists)
                .ok_or_else(|| format!("HAProxy has no crt-list {} in use", list.display()))?,
        ),
        None => list_of(target, &asked.lists),
    };
    let name = known.clone().or_else(|| {
        // In a folder it must be called as the folder is.
        let file = target.file_name()?.to_string_lossy();
        match (&list, &deployment.crt_list) {
            (Some(folder), None) => Some(format!("{}/{file}", folder.trim_end_matches('/'))),
            (Some(_), Some(_)) => Some(target.to_string_lossy().into_owned()),
            (None, _) => None,
        }
    });
    let name = name.ok_or_else(|| {
        format!(
            "HAProxy knows no certificate {0} and loads no folder {1}, so that it cannot get it over the socket: name {0} in its configuration and use --reload, or give the crt-list that it is to join",
            target.display(),
            folder_of(target).display()
        )
    })?;
    let joins = list.map(|list| CrtEntry::new(&*name).map(|entry| (list, entry)));
    let joins = match (joins.transpose(), &known) {
        (Ok(joins), _) => joins,
        // It is where it belongs already.
        (Err(_), Some(_)) => None,
        (Err(error), None) => return Err(error.to_string()),
    };
    let shown = known
        .is_some()
        .then(|| runtime.certificate(&name))
        .transpose();
    Ok(Wanted {
        known: shown.map_err(|error| error.to_string())?.flatten(),
        joins,
        pem: crate::haproxy::pem(bundle),
        chain: chain_of(bundle),
        ocsp: None,
        old: None,
        name,
    })
}

pub(super) fn told_of(wanted: &Wanted, runtime: &Runtime) -> String {
    let version = runtime.version();
    let name = &wanted.name;
    match (&wanted.known, &wanted.joins) {
        (Some(_), _) if wanted.is_there() => format!("HAProxy {version} has it, as {name}"),
        (Some(_), _) => format!("HAProxy {version} has another certificate as {name}"),
        (None, Some((list, _))) => format!("it is new to HAProxy {version}, and joins {list}"),
        (None, None) => format!("it is new to HAProxy {version}"),
    }
}

/// The folders and crt-lists of which the files are part.
pub(super) fn places(
    deployment: &Deployment,
    targets: &[PathBuf],
    asked: Option<&Asked>,
) -> BTreeSet<PathBuf> {
    let Some(asked) = asked else {
        return BTreeSet::new();
    };
    let mut places = BTreeSet::new();
    for target in targets {
        if list_of(target, &asked.lists).is_some() {
            places.insert(real(folder_of(target)));
        }
    }
    places.extend(deployment.crt_list.as_deref().map(real));
    places
}

/// What HAProxy says, and what it may mean.
pub(super) fn explained(error: &RuntimeError, wanted: &Wanted, version: Version) -> String {
    let length = wanted.pem.expose().len() + wanted.name.len();
    let limit = version.payload_limit();
    // The keywords count, too.
    match length + 32 > limit {
        true => format!(
            "{error}; the bundle has {length} bytes, and HAProxy {version} takes commands of {limit}, unless tune.bufsize, or since 3.4 tune.cli.max-payload-size, says otherwise: set it, or use --reload"
        ),
        false => error.to_string(),
    }
}
