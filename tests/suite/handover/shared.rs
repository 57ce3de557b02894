//! When the files about all machines are written, and what people keep beside them.

use super::project::Project;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn they_need_all_machines() {
    let project = Project::new();
    project.ends(&["build", "--node", "master1"], 0);
    let files = || -> Vec<String> {
        project.json("manifest.json")["cluster"]["files"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(files(), ["cluster.json"]);
    assert!(!project.dist().join("terraform").exists());
    project.ends(&["build", "--node", "[!m]*", "--node", "master[23]"], 0);
    assert_eq!(files().len(), 1 + 3 + 1 + 3 + 11, "{:?}", files());
    let (main, readme) = ("terraform/main.tf.json", "libvirt/README.md");
    let before = [main, readme].map(|file| fs::read(project.dist().join(file)).unwrap());
    project.ends(&["verify"], 0);

    // All at once or in parts, the bytes are the same.
    project.ends(&["build"], 0);
    assert_eq!(before, [main, readme].map(|file| fs::read(project.dist().join(file)).unwrap()));

    // One machine built anew: the files about all of them know its new instance-id.
    project.edit("profiles/nodes/worker1.yaml", "Thu 04:00", "Thu 05:00");
    project.ends(&["build", "--node", "worker1"], 0);
    let id = project.json("manifest.json")["nodes"]["worker1"]["instance_id"].clone();
    assert_eq!(project.json(main)["resource"]["terraform_data"]["worker1"]["input"], id);
    project.ends(&["verify"], 0);
}

#[test]
fn a_build_leaves_peoples_files_in_terraform_alone() {
    let project = Project::new();
    project.build();
    let folder = project.dist().join("terraform");
    fs::create_dir_all(folder.join(".terraform/providers/x")).unwrap();
    for (file, text) in
        [("providers.tf", "p"), ("terraform.tfstate", "{}"), (".terraform/providers/x/plugin", "binary")]
    {
        fs::write(folder.join(file), text).unwrap();
    }
    symlink("providers/x/plugin", folder.join(".terraform/link")).unwrap();
    project.ends(&["verify"], 0);
    for arguments in [&["build"][..], &["build", "--node", "master1"]] {
        project.ends(arguments, 0);
        assert_eq!(fs::read_to_string(folder.join("providers.tf")).unwrap(), "p");
        assert_eq!(fs::read_to_string(folder.join("terraform.tfstate")).unwrap(), "{}");
        assert_eq!(fs::read_to_string(folder.join(".terraform/link")).unwrap(), "binary");
        project.ends(&["verify"], 0);
    }
    // A build that is refused changes nothing either.
    project.edit("profiles/cluster.yaml", "name: microcloud", "name: microcloud\nno_such_key: 1");
    project.ends(&["build"], 1);
    assert_eq!(fs::read_to_string(folder.join("providers.tf")).unwrap(), "p");
}

#[test]
fn verify_looks_at_them() {
    let project = Project::new();
    project.build();
    let main = project.dist().join("terraform/main.tf.json");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text.replacen("q35", "q36", 1)).unwrap();
    assert!(project.ends(&["verify"], 1).contains("terraform/main.tf.json"));
    fs::write(&main, text).unwrap();
    fs::remove_file(project.dist().join("libvirt/master1.xml")).unwrap();
    fs::write(project.dist().join("libvirt/stray.xml"), "").unwrap();
    let said = project.ends(&["verify"], 1);
    assert!(
        said.contains("`libvirt/master1.xml` is missing") && said.contains("`libvirt/stray.xml` is not in"),
        "{said}"
    );
}
