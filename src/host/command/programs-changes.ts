import { item } from '../../shared/item.ts'
import { isText, type OptionTable, type ReadWords, type Word } from './options.ts'
import { ANYWHERE, below, climbs, lastName, placePath, tree, type Place } from './paths.ts'
import { NOTHING, program, trees, type Program, type ProgramEffect } from './program.ts'

/** Here a hyphen is the name of a file like any other, or may be. */
const pathsOf = (words: readonly Word[], place: Place): string[] => words.map((word) => placePath(word, place))

/** Removes or changes its operands, and what is below them where an option says so. */
const writes = (options: OptionTable): Program =>
  program({
    options,
    worst: 'writes',
    effect({ operands, has }, place) {
      const paths = pathsOf(operands, place)
      return { reads: [], writes: has('deep') ? trees(paths) : paths }
    },
  })

/** As `writes`, after a first operand that is no path: a mode, an owner. */
const changes = (options: OptionTable): Program =>
  program({
    options: { ...options, reference: '--reference=' },
    worst: 'writes',
    counts: true,
    effect({ operands, has, argumentsOf }, place) {
      const paths = pathsOf(has('reference') || has('mode') ? operands : operands.slice(1), place)
      return {
        reads: pathsOf(argumentsOf('reference'), place),
        writes: [...(has('deep') ? trees(paths) : paths), ...(has('followed') ? [ANYWHERE] : [])],
      }
    },
  })

/** What stands above a path, up to the root. */
function parentsOf(path: string): string[] {
  if (path === ANYWHERE || climbs(path)) return [ANYWHERE]
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

/** What stands above a path and may have to be made for it: not the home, nor what the root of every system has. */
const madeAbove = (path: string, { home = '/' }: Place): string[] =>
  parentsOf(path).filter((parent) => parent.lastIndexOf('/') > 0 && !`${home}/`.startsWith(`${parent}/`))

/** Sources, and the names that they get: the last operand's, or their own in the directory that it is. */
function destinations(
  { operands, has, argumentsOf }: ReadWords,
  place: Place,
): { sources: readonly Word[]; names: string[] } {
  const into = argumentsOf('into')
  const sources = into.length > 0 ? operands : operands.slice(0, -1)
  const targets = into.length > 0 ? pathsOf(into, place) : operands.slice(-1).map((word) => placePath(word, place))
  const inside = targets.flatMap((target) => sources.map((source) => below(target, lastName(source) ?? '')))
  return { sources, names: has('exact') ? targets : [...targets, ...inside] }
}

const copy: Program = program({
  options: {
    plain:
      '-f -i -n -p -u -v -x -Z --force --interactive --no-clobber --preserve? --no-preserve= --update? --verbose --one-file-system --reflink? --sparse= --remove-destination --strip-trailing-slashes --attributes-only',
    deep: '-r -R --recursive -a --archive',
    followed: '-L --dereference -H',
    linked: '-d -P --no-dereference',
    changed: '-l -s --link --symbolic-link',
    into: '-t: --target-directory=',
    exact: '-T --no-target-directory',
    under: '--parents',
  },
  worst: 'writes',
  counts: true,
  effect(read, place) {
    const { has } = read
    const { sources, names } = destinations(read, place)
    const paths = pathsOf(sources, place)
    const isDeep = has('deep')
    const links = has('changed')
    return {
      reads: [...(isDeep ? trees(paths) : paths), ...(isDeep && has('followed') ? [ANYWHERE] : [])],
      writes: [
        // Below directories there may be links, and it writes through them.
        ...(isDeep ? [...trees(names), ANYWHERE] : has('under') ? trees(names) : names),
        // By a link the source can be changed.
        ...(links ? trees(paths) : []),
      ],
      makesLinks: links || isDeep || has('linked'),
    }
  },
})

const install: Program = program({
  options: {
    plain:
      '-c -C -g: -m: -o: -p -v -Z --compare --group= --mode= --owner= --preserve-timestamps --verbose --preserve-context',
    directories: '-d --directory',
    into: '-t: --target-directory=',
    exact: '-T --no-target-directory',
    above: '-D',
  },
  worst: 'unclear',
  counts: true,
  effect(read, place) {
    if (read.has('directories')) {
      const paths = pathsOf(read.operands, place)
      return { reads: [], writes: [...paths, ...paths.flatMap((path) => madeAbove(path, place))] }
    }
    const { sources, names } = destinations(read, place)
    return {
      reads: pathsOf(sources, place),
      writes: read.has('above') ? [...names, ...names.flatMap((name) => madeAbove(name, place))] : names,
    }
  },
})

const move: Program = program({
  options: {
    plain:
      '-f -i -n -u -v -Z --force --interactive --no-clobber --update? --verbose --strip-trailing-slashes --no-copy',
    into: '-t: --target-directory=',
    exact: '-T --no-target-directory',
  },
  worst: 'writes',
  counts: true,
  effect(read, place) {
    const { sources, names } = destinations(read, place)
    const paths = trees(pathsOf(sources, place))
    return { reads: paths, writes: [...paths, ...trees(names)], makesLinks: true }
  },
})

/** By a link its target can be read and changed. A symbolic one is placed from where the link stands. */
const link: Program = program({
  options: {
    plain: '-f -i -L -n -P -v --force --interactive --logical --no-dereference --physical --verbose',
    symbolic: '-s --symbolic',
    relative: '-r --relative',
    into: '-t: --target-directory=',
    exact: '-T --no-target-directory',
  },
  worst: 'writes',
  counts: true,
  effect(read, place) {
    const { operands, has } = read
    const { sources, names } = destinations(read, place)
    // One operand: a link of that name in the directory it runs in.
    const isAlone = operands.length === 1 && !read.has('into')
    const made = isAlone ? [below(placePath('.', place), lastName(item(operands, 0)) ?? '')] : names
    const targets = (isAlone ? operands : sources).flatMap((target): string[] => {
      if (!has('symbolic') || has('relative') || (isText(target) && /^[/~]/.test(target)))
        return [placePath(target, place)]
      return made.map((name) =>
        name === ANYWHERE
          ? ANYWHERE
          : placePath(target, { home: undefined, directory: name.replace(/\/[^/]*$/, '') || '/' }),
      )
    })
    return { reads: trees(targets), writes: [...trees(targets), ...made], makesLinks: true }
  },
})

/** Operands `name=value`, of which all are understood. */
function dd(words: readonly Word[], place: Place): ProgramEffect | { readonly failed: string } {
  const reads: string[] = []
  const writes: string[] = []
  for (const word of words) {
    if (!isText(word)) return { reads: [ANYWHERE], writes: [ANYWHERE] }
    const [, name = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(word) ?? []
    // Some shells take a tilde behind the sign for a home.
    const path = value.startsWith('~') ? ANYWHERE : placePath(value, place)
    if (name === 'if') reads.push(path)
    else if (name === 'of') writes.push(path)
    else if (!DD_PLAIN.has(name)) return { failed: word }
  }
  return { reads, writes }
}

const DD_PLAIN = new Set('bs ibs obs cbs count skip seek iseek oseek conv status iflag oflag'.split(' '))

/** Programs that change files. */
export const FILE_CHANGES: Readonly<Record<string, Program>> = {
  rm: writes({
    plain:
      '-f -i -I -v -d --force --interactive? --verbose --dir --one-file-system --preserve-root? --no-preserve-root',
    deep: '-r -R --recursive',
  }),
  unlink: writes({}),
  rmdir: program({
    options: { plain: '-v --verbose --ignore-fail-on-non-empty', above: '-p --parents' },
    worst: 'writes',
    effect({ operands, has }, place) {
      const paths = pathsOf(operands, place)
      return { reads: [], writes: has('above') ? [...paths, ...paths.flatMap(parentsOf)] : paths }
    },
  }),
  mkdir: program({
    options: { plain: '-m: -v -Z --mode= --verbose', above: '-p --parents' },
    worst: 'writes',
    effect({ operands, has }, place) {
      const paths = pathsOf(operands, place)
      return {
        reads: [],
        writes: has('above') ? [...paths, ...paths.flatMap((path) => madeAbove(path, place))] : paths,
      }
    },
  }),
  mkfifo: writes({ plain: '-m: --mode=' }),
  mknod: program({
    options: { plain: '-m: --mode=' },
    worst: 'writes',
    counts: true,
    effect: ({ operands: [name, type] }, place) =>
      type === 'p'
        ? { reads: [], writes: name === undefined ? [] : [placePath(name, place)] }
        : { ...NOTHING, opaque: 'mknod may make a device' },
  }),
  touch: writes({
    plain: '-a -c -h -m -d: -t: --no-create --date= --no-dereference --time=',
    reads: '-r: --reference=',
  }),
  tee: writes({ plain: '-a -i -p --append --ignore-interrupts --output-error?' }),
  truncate: writes({ plain: '-c -o -s: --no-create --io-blocks --size=', reads: '-r: --reference=' }),
  shred: writes({
    plain: '-f -n: -s: -u -v -x -z --force --iterations= --size= --remove? --verbose --exact --zero',
    reads: '--random-source=',
  }),
  chmod: changes({
    plain: '-c -f -v --changes --quiet --silent --verbose --preserve-root --no-preserve-root',
    deep: '-R --recursive',
    // Such a word is a mode, and no option.
    mode: '-r -w -x -X -s -t',
  }),
  'chown chgrp': changes({
    plain:
      '-c -f -h -v -P --changes --quiet --silent --verbose --no-dereference --dereference --from= --preserve-root --no-preserve-root',
    deep: '-R --recursive',
    followed: '-H -L',
  }),
  cp: copy,
  install,
  mv: move,
  ln: link,
  link: program({
    options: {},
    worst: 'writes',
    effect({ operands }, place) {
      const paths = operands.flatMap((word) => tree(placePath(word, place)))
      return { reads: paths, writes: paths, makesLinks: true }
    },
  }),
  dd: { worst: 'writes', read: dd },
}
