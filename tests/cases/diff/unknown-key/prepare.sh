# As if a later bake had written it: config and manifest agree.
sed -i 's/"version": "3.4.0"/"version": "3.4.0", "later": true/' dist/lb1/../master1/config.ign
sum=$(sha256sum dist/master1/config.ign | cut -d' ' -f1) size=$(stat -c %s dist/master1/config.ign)
python3 - "$sum" "$size" <<'END'
import hashlib, json, sys
path = "dist/manifest.json"
manifest = json.load(open(path))
node = manifest["nodes"]["master1"]
node["files"]["config.ign"].update(sha256=sys.argv[1], size=int(sys.argv[2]))
digest = hashlib.sha256()
for part in (b"config.ign", open("dist/master1/config.ign", "rb").read()):
    digest.update(len(part).to_bytes(8, "big") + part)
node["instance_id"] = "master1-" + digest.hexdigest()[:16]
json.dump(manifest, open(path, "w"))
END
