# Committed before the change; the output is there as well and plays no part.
git init -q . && git add profiles butane
git -c user.name=nobody -c user.email=nobody@example.org commit -qm first
