sed -i 's/"format": 1/"format": 2/' dist/manifest.json
