//! In which form a manifest holds a component, decided from the manifest alone. What is none of the forms that are read
//! is refused by its name.

use super::config::ARCHITECTURE;
use super::manifest::{Descriptor, Image, Index, LEGACY_LAYER, WASM_CONFIG, WASM_LAYER};

/// Layers of an image: its base, the file, and one more that somebody's tool adds.
const IMAGE_LAYERS_MAX: usize = 3;

/// Where the component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// It is a layer.
    Layer(Descriptor),
    /// It is the one `.wasm` file of an image's layers.
    Image(Vec<(Descriptor, Packing)>),
}

/// How a layer of an image is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Tar,
    TarGzip,
}

/// The form, or why there is none.
pub(super) fn form(image: &Image) -> Result<Form, String> {
    let is_wasm = |layer: &&Descriptor| matches!(layer.media_type.as_str(), WASM_LAYER | LEGACY_LAYER);
    match image.layers.as_slice() {
        [] => Err("it has no layer".to_owned()),
        [only] if is_wasm(&only) => Ok(Form::Layer(only.clone())),
        layers if layers.iter().any(|layer| is_wasm(&layer)) => {
            Err(format!("it has {} layers, where a component is the only one", layers.len()))
        }
        layers if layers.len() > IMAGE_LAYERS_MAX => Err(format!(
            "it is an image of {} layers; of up to {IMAGE_LAYERS_MAX} the .wasm would be taken",
            layers.len()
        )),
        layers => layers
            .iter()
            .map(|layer| Ok((layer.clone(), packing(layer, image)?)))
            .collect::<Result<_, _>>()
            .map(Form::Image),
    }
}

fn packing(layer: &Descriptor, image: &Image) -> Result<Packing, String> {
    match layer.media_type.as_str() {
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => Ok(Packing::Tar),
        "application/vnd.oci.image.layer.v1.tar+gzip" | "application/vnd.docker.image.rootfs.diff.tar.gzip" => {
            Ok(Packing::TarGzip)
        }
        other => {
            let kind = image.artifact_type.as_deref().unwrap_or(&image.config.media_type);
            let shown = |text: &str| crate::printable::line(text, 100);
            Err(format!("its kind is {:?}, its layer {:?}", shown(kind), shown(other)))
        }
    }
}

/// The one component of an index.
pub(super) fn entry(index: &Index) -> Result<&Descriptor, String> {
    // What builders attach to an index to vouch for it is for no machine.
    let real = |entry: &&Descriptor| !entry.annotations.contains_key("vnd.docker.reference.type");
    let real: Vec<&Descriptor> = index.manifests.iter().filter(real).collect();
    let wasm = |entry: &&&Descriptor| {
        entry.platform.as_ref().is_some_and(|platform| platform.architecture == ARCHITECTURE)
            || entry.artifact_type.as_deref() == Some(WASM_CONFIG)
    };
    let for_wasm: Vec<&&Descriptor> = real.iter().filter(wasm).collect();
    match (for_wasm.as_slice(), real.as_slice()) {
        ([only], _) => Ok(**only),
        ([], [only]) => Ok(*only),
        ([], []) => Err("it is an index of nothing".to_owned()),
        ([], entries) => {
            let platform = |entry: &&Descriptor| match &entry.platform {
                Some(platform) => format!("{}/{}", platform.os, platform.architecture),
                None => "unknown".to_owned(),
            };
            let platforms: Vec<String> = entries.iter().take(10).map(platform).collect();
            let platforms = crate::printable::line(&platforms.join(", "), 300);
            Err(format!("it is an index for {platforms}, where one entry for wasm is wanted"))
        }
        (several, _) => Err(format!("it is an index with {} components, where one is wanted", several.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::oci::manifest::Platform;

    fn part(media_type: &str) -> Descriptor {
        Descriptor::of(media_type, b"")
    }

    fn image(layers: &[&str]) -> Image {
        let mut image = Image::new(part("application/x.config"), part(WASM_LAYER), BTreeMap::new());
        image.layers = layers.iter().map(|layer| part(layer)).collect();
        image
    }

    #[test]
    fn a_component_is_the_only_layer_or_in_an_image_of_up_to_three() {
        for layer in [WASM_LAYER, LEGACY_LAYER] {
            assert_eq!(form(&image(&[layer])), Ok(Form::Layer(part(layer))));
        }
        let (tar, gzip) =
            ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip");
        let expected = vec![(part(tar), Packing::Tar), (part(gzip), Packing::TarGzip)];
        assert_eq!(form(&image(&[tar, gzip])), Ok(Form::Image(expected)));
    }

    #[test]
    fn anything_else_is_refused_by_its_name() {
        let helm = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
        let tar = "application/vnd.oci.image.layer.v1.tar";
        for (layers, told) in [
            (vec![], "it has no layer"),
            (vec![WASM_LAYER, WASM_LAYER], "it has 2 layers, where a component is the only one"),
            (vec![helm], "its kind is \"application/x.config\", its layer \"application/vnd.cncf.helm"),
            (vec![tar; 4], "it is an image of 4 layers"),
            (vec!["application/vnd.oci.image.layer.v1.tar+zstd"], "+zstd"),
        ] {
            let error = form(&image(&layers)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn an_index_is_taken_for_its_one_component() {
        let on = |architecture: &str, os: &str| Descriptor {
            platform: Some(Platform { architecture: architecture.into(), os: os.into() }),
            digest: crate::oci::digest::Digest::of(os.as_bytes()),
            ..part("m")
        };
        let (wasm, amd64) = (on("wasm", "wasip2"), on("amd64", "linux"));
        let mut vouching = on("unknown", "unknown");
        vouching.annotations.insert("vnd.docker.reference.type".into(), "attestation-manifest".into());
        assert_eq!(entry(&Index::new(vec![amd64.clone(), wasm.clone(), vouching.clone()])), Ok(&wasm));
        assert_eq!(entry(&Index::new(vec![amd64.clone(), vouching])), Ok(&amd64));
        let told = |entries: Vec<Descriptor>| entry(&Index::new(entries)).unwrap_err();
        assert_eq!(told(vec![]), "it is an index of nothing");
        assert!(told(vec![amd64.clone(), on("arm64", "linux")]).contains("for linux/amd64, linux/arm64"));
        assert!(told(vec![wasm, on("wasm", "wasip1")]).contains("2 components"));
    }
}
