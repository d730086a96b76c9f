/** Where the throw-away home is within the sandbox; what is beside the home is outside of it. */
export const ROOT = '/mnt'
export const HOME = '/mnt/u'

const PWNED = 'echo x >/mnt/u/vault/pwned'
const EVIL_NAME = 'a[$(echo x >vault/pwned)]'

/** Paths below the root, what stands in them (undefined: a directory), and their mode. Directories come first. */
export const TREE: readonly (readonly [path: string, content: string | undefined, mode?: number])[] = [
  ['u/d', undefined],
  ['u/d/s', undefined],
  ['u/vault', undefined],
  ['u/vault/inner', undefined],
  ['u/bin', undefined],
  ['out/d', undefined],
  ['u/a', 'one\ntwo\none\n'],
  ['u/b', 'vault/secret\na\nd/e\n'],
  ['u/x y', 'spaced\n'],
  ['u/names', 'vault/secret\0a\0'],
  ['u/sums', 'd41d8cd98f00b204e9800998ecf8427e  vault/secret\n'],
  ['u/script', `${PWNED}\nrm vault/secret\n`],
  ['u/tool', `#!/bin/sh\n${PWNED}\n`, 0o755],
  ['u/rc', `${PWNED}\n`],
  ['u/evil', `${EVIL_NAME}\n`],
  ['u/-r', 'an option\n'],
  ['u/-', 'a hyphen\n'],
  ['u/d/e', 'three\n'],
  ['u/d/s/f', 'four\n'],
  ['u/vault/secret', 'the secret\n', 0o640],
  ['u/vault/more', 'more\n'],
  ['u/vault/inner/deep', 'deep\n'],
  ['u/secret', 'not the secret\n'],
  ['out/secret', 'outside\n'],
  ['out/d/e', 'out\n'],
  // Programs of somebody's, under names of the system's.
  ...['ls', 'cat', 'rm', 'id', 'sort', 'date', 'head', 'true', 'touch', 'grep', 'env'].flatMap(
    (name): [string, string, number][] => [[`u/bin/${name}`, `#!/bin/sh\n${PWNED}\n`, 0o755]],
  ),
  ...['ls', 'id', 'wc'].map((name): [string, string, number] => [`u/${name}`, `#!/bin/sh\n${PWNED}\n`, 0o755]),
]

export const LINKS: readonly (readonly [path: string, target: string])[] = [
  ['u/link', 'vault'],
  ['u/flink', 'vault/secret'],
  ['u/dang', 'vault/new'],
  ['u/d/up', '../vault'],
  ['u/d/abs', '/mnt/u/vault'],
  ['u/d/f', '../vault/secret'],
  ['u/away', '../out'],
]

/** What a script may find on its standard input: the client chooses that as well. */
export const INPUTS: readonly string[] = [
  '',
  `${EVIL_NAME}\n${EVIL_NAME}\n`,
  'vault/secret\na\nd/e\n',
  `${PWNED}\nrm vault/secret\n`,
  '-f vault/secret\n-R\n',
  '/mnt/u/bin\n/mnt/u/rc\n',
  'y\ny\ny\n',
  // What scp says, as the one that takes and as the one that gives.
  '\0'.repeat(40),
  'D0755 0 new\nC0644 2 a\nx\n\0E\nC0644 2 secret\nx\n\0',
]
