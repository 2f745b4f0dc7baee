# SPDX-License-Identifier: Apache-2.0
# Makes the directory `tree` with every kind of file, name, mode and time that an image must keep.
set -eu
umask 022
mkdir tree
cd tree
mkdir -p deep/er/and/deeper empty many
echo deep >deep/er/and/deeper/file
: >"an empty file"
printf 'no line end' >'quotes '\'' " and $HOME'
printf 'Grüße\n' >'Grüße ☃'
printf 'x' >"$(printf 'n%.0s' $(seq 255))"
ln -s deep/er link-to-a-directory
ln -s missing dangling
ln -s "$(printf 'long/%.0s' $(seq 100))" link-of-500-bytes
ln -s short short-link
ln deep/er/and/deeper/file hard-link
head -c 100000 /dev/zero >zeros
truncate -s 10000000 sparse
printf 'end' | dd of=sparse bs=1 seek=9999997 conv=notrunc status=none
seq 300000 >numbers
for number in $(seq 300); do echo "$number" >"many/file-$number"; done
chmod 4755 zeros
chmod 2711 empty
chmod 1777 many
chmod 400 "an empty file"
chmod 600 numbers
# From the leaves up, so that no later change touches a directory's time.
find . -depth -exec touch -h -d '2024-02-29T12:34:56.123456789Z' {} +
touch -d '1999-12-31T23:59:59Z' numbers
touch -d '2040-01-01T00:00:00.5Z' hard-link
touch -h -d '2001-01-01T01:01:01Z' dangling
