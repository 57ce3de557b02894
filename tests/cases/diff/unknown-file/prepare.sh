echo x >dist/lb1/vendor-data
