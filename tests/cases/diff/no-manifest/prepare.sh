rm dist/manifest.json
