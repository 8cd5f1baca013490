//! What people, brokers and machines do to the host, at random; and how all of it comes to rest.

use std::sync::Arc;
use std::time::Duration;

use bellows_core::event::{Event, HpaView};
use bellows_core::workload::ObjectKey;

use crate::manifests;
use crate::sources::Mood;
use crate::world::{Item, World};

impl World {
    /// Somebody does something.
    pub(crate) fn act(&mut self) {
        self.authentications_change();
        match self.random.below(100) {
            0..34 => self.lists_change(),
            34..44 => self.hosts_change(),
            44..58 => self.somebody_edits(),
            58..63 => self.somebody_deletes(),
            63..70 => self.somebody_scales(),
            70..76 => self.somebody_meddles_with_an_hpa(),
            76..80 => self.passwords_change(),
            80..83 => self.clock_jumps(),
            83..87 => self.api_down = !self.api_down && self.random.per_mille(300),
            87 => self.plan(Duration::ZERO, Item::Hear(Event::ScalersChanged)),
            // That of all objects of these worlds.
            88 => self.plan(Duration::ZERO, Item::Hear(Event::NamespaceRelabelled("shop".into()))),
            89..94 => self.members_change(),
            94..96 => self.restart(),
            96..98 => self.somebody_breaks_an_object(),
            _ => self.told_again(),
        }
    }

    fn clock_jumps(&mut self) {
        let seconds = i64::try_from(self.random.below(7200)).unwrap_or_default() - 3600;
        self.wall += jiff::SignedDuration::from_secs(seconds);
    }

    fn key(&mut self) -> ObjectKey {
        self.random.pick(&self.nature.keys.clone())
    }

    fn lists_change(&mut self) {
        let list = self.random.pick(&manifests::LISTS).to_owned();
        let length = if self.random.per_mille(600) { 0 } else { self.random.below(120) };
        self.sources.lists.insert(list, length);
    }

    fn hosts_change(&mut self) {
        let name = self.random.pick(&self.nature.taste.hosts.clone());
        let mood = self.random.pick(&[Mood::Answers, Mood::Answers, Mood::Answers, Mood::Refuses, Mood::Hangs]);
        if let Some(host) = self.sources.hosts.get_mut(&name) {
            host.mood = mood;
        }
    }

    /// All objects come at once.
    pub(crate) fn fill(&mut self) {
        for key in self.nature.keys.clone() {
            let mut draft = manifests::draft(&mut self.random, &key, &self.nature.taste.clone());
            self.authentications.adorn(&mut draft);
            self.cluster.apply(&key, draft, self.wall);
            self.tell_object(&key);
        }
    }

    /// All hosts hang at once.
    pub(crate) fn storm(&mut self) {
        self.sources.hosts.values_mut().for_each(|host| host.mood = Mood::Hangs);
    }

    fn somebody_edits(&mut self) {
        let key = self.key();
        let mut draft = manifests::draft(&mut self.random, &key, &self.nature.taste.clone());
        self.authentications.adorn(&mut draft);
        let stored = self.cluster.objects.get(&key);
        if stored.is_some_and(|stored| stored.manifest.deleting) {
            return;
        }
        if let Some(stored) = stored.filter(|_| self.random.per_mille(500)) {
            // One field only: most edits are small.
            let interval = draft.polling_interval;
            draft = (*stored.manifest.draft).clone();
            draft.polling_interval = interval;
        }
        let target = draft.target.name.clone();
        let replicas = u32::try_from(self.random.below(6)).unwrap_or_default();
        self.cluster.replicas.entry(target).or_insert(replicas);
        self.cluster.apply(&key, draft, self.wall);
        self.tell_object(&key);
    }

    fn somebody_deletes(&mut self) {
        let key = self.key();
        let Some(stored) = self.cluster.objects.get_mut(&key).filter(|stored| !stored.manifest.deleting) else {
            return;
        };
        if stored.manifest.adopted {
            stored.manifest.deleting = true;
            stored.manifest.fingerprint += u64::from(!stored.readable);
            self.tell_object(&key);
        } else {
            self.remove(&key);
        }
    }

    fn somebody_scales(&mut self) {
        let targets: Vec<String> = self.cluster.replicas.keys().cloned().collect();
        if !targets.is_empty() {
            let target = self.random.pick(&targets);
            let replicas = u32::try_from(self.random.below(8)).unwrap_or_default();
            self.cluster.replicas.insert(target, replicas);
        }
    }

    fn somebody_meddles_with_an_hpa(&mut self) {
        let key = self.key();
        match self.random.below(4) {
            0 => self.cluster.foreign.push(key),
            1 => self.cluster.foreign.clear(),
            choice => {
                let Some(id) = self.cluster.hpas.keys().find(|(owner, _)| *owner == key).cloned() else { return };
                if choice == 2 {
                    return self.delete_hpa(&id);
                }
                if let Some(hpa) = self.cluster.hpas.get_mut(&id) {
                    hpa.view = HpaView { fingerprint: hpa.view.fingerprint ^ 1, ..hpa.view.clone() };
                }
                self.tell_hpa(&id.0, &id.1);
            }
        }
    }

    fn passwords_change(&mut self) {
        let name = self.random.pick(&self.nature.taste.hosts.clone());
        if let Some(host) = self.sources.hosts.get_mut(&name) {
            if host.wants == host.secret {
                host.wants += 1;
            } else {
                host.secret = host.wants;
            }
        }
    }

    fn members_change(&mut self) {
        let sets: [&[&str]; 5] = [&["a"], &["a"], &["a", "b"], &["a", "b", "c"], &["b"]];
        let members: Vec<Arc<str>> = self.random.pick(&sets).iter().map(|name| Arc::from(*name)).collect();
        self.set_members(members);
    }

    /// Who shares the work from now on.
    pub(crate) fn set_members(&mut self, members: Vec<Arc<str>>) {
        self.members = Some(members.clone());
        self.plan(Duration::ZERO, Item::Hear(Event::Membership { own: "a".into(), members }));
    }

    fn restart(&mut self) {
        self.end_process();
        if let Some(members) = self.members.clone() {
            self.set_members(members);
        }
        self.told_again();
    }

    fn told_again(&mut self) {
        let keys: Vec<ObjectKey> = self.cluster.objects.keys().cloned().collect();
        keys.iter().for_each(|key| self.tell_object(key));
        let hpas: Vec<(ObjectKey, Arc<str>)> = self.cluster.hpas.keys().cloned().collect();
        hpas.iter().for_each(|(key, name)| self.tell_hpa(key, name));
        self.list_authentications();
    }

    fn somebody_breaks_an_object(&mut self) {
        let key = self.key();
        if let Some(stored) =
            self.cluster.objects.get_mut(&key).filter(|stored| self.nature.taste.odd && !stored.manifest.deleting)
        {
            stored.readable = false;
            self.tell_object(&key);
        }
    }

    /// The controller's round for all HPAs.
    pub(crate) fn rounds(&mut self) {
        let ids: Vec<(ObjectKey, Arc<str>)> = self.cluster.hpas.keys().cloned().collect();
        let now = self.now();
        for id in ids {
            let view = self.views.get(&id.0).cloned();
            if self.cluster.round(&id, view.as_deref(), now, &mut self.random) {
                self.tell_hpa(&id.0, &id.1);
            }
        }
    }

    /// From now on nothing goes wrong, and nobody touches anything.
    pub(crate) fn calms_down(&mut self) {
        self.sources.calm = true;
        self.api_down = false;
        self.cluster.foreign.clear();
        for host in self.sources.hosts.values_mut() {
            (host.mood, host.secret) = (Mood::Answers, host.wants);
        }
        self.set_members(vec!["a".into()]);
        self.plan(Duration::ZERO, Item::Hear(Event::ScalersChanged));
        self.authentications_calm_down();
    }
}
