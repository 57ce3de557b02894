echo >>dist/master1/config.ign
