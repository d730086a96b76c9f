import { describe, expect, it } from 'vitest'
import type { CommandDraft } from '../../../../src/gateway/engine.ts'
import { ScpEntries, type ScpEntriesParts } from '../../../../src/protocols/ssh/transfer/scp-entries.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const REFUSED = new PamError('COMMAND_REFUSED', 'no')

interface World {
  readonly operation?: 'read' | 'write'
  readonly named?: readonly string[]
  /** What is a directory; undefined: the target does not say. */
  readonly isDirectory?: boolean | undefined
  /** Where links lead. */
  readonly links?: Readonly<Record<string, string>>
  readonly denies?: (writes: readonly string[]) => boolean
}

function entriesIn({ operation = 'write', named = ['/srv/in'], isDirectory, links = {}, denies = () => false }: World) {
  const asked: string[] = []
  const writesOf = ({ facts }: CommandDraft): readonly string[] =>
    facts.type === 'file' ? facts.statements.flatMap(({ writes }) => writes) : []
  const look = (draft: CommandDraft, by: string): boolean => {
    asked.push(`${by} ${writesOf(draft).join(' ')}`)
    return denies(writesOf(draft))
  }
  const session = {
    lease: { user: 'deploy' },
    masking: { kinds: [], columns: [], fields: [] },
    hashKeys: {},
    preview: (draft: CommandDraft) => (look(draft, 'previewed') ? REFUSED : undefined),
    decide: (draft: CommandDraft) =>
      look(draft, 'decided') ? { type: 'refuse', error: REFUSED } : { type: 'forward', decision: 'dec_1' },
  }
  const parts = {
    session,
    operation,
    named,
    say: () => {},
    paths: {
      real: (path: string) => Promise.resolve(links[path] ?? path),
      link: () => Promise.resolve(undefined),
      isDirectory: () => Promise.resolve(isDirectory),
    },
  }
  const entries = new ScpEntries(parts as unknown as ScpEntriesParts)
  const first = { path: named[0] ?? '', recorded: named[0] ?? '' }
  const place = (name: string, type: 'file' | 'directory' = 'file', more: string[] = []) =>
    entries.place({ type, name: Buffer.from(name, 'latin1') }, [
      first,
      ...more.map((path) => ({ path, recorded: path })),
    ])
  return { place, asked }
}

describe('an entry of scp', () => {
  it.each<[string, World, string]>([
    ['within a directory', { isDirectory: true }, '/srv/in/a'],
    ['in place of a file', { isDirectory: false }, '/srv/in'],
    ['anywhere, where the target does not say what there is', {}, '**'],
  ])('is written %s', async (_what, world, path) => {
    expect((await entriesIn(world).place('a')).path).toBe(path)
  })

  it('that is read has the place that the command names, or one within it', async () => {
    const { place, asked } = entriesIn({ operation: 'read', named: ['/etc/hosts', '/srv/**'] })
    expect((await place('hosts')).path).toBe('/etc/hosts')
    expect((await place('b', 'file', ['/srv/in'])).path).toBe('/srv/in/b')
    expect(asked).toEqual([])
  })

  it('is judged with what the command named, and a directory with all that is in it', async () => {
    const { place, asked } = entriesIn({ isDirectory: true })
    await place('a', 'directory')
    expect(asked[0]).toContain('/srv/in/a/**')
    expect(asked[0]).toMatch(/ \/srv\/in( |$)/)
  })

  it('is decided on where a link leads out of what the command named, and is recorded where it leads', async () => {
    const { place, asked } = entriesIn({
      isDirectory: true,
      named: ['/srv/in', '/srv/in/**'],
      links: { '/srv/in/a': '/etc/passwd' },
    })
    expect(await place('a')).toEqual({ path: '/srv/in/a', recorded: '/etc/passwd' })
    expect(asked.map((one) => one.split(' ')[0])).toEqual(['decided'])
  })

  it.each([true, false])('is refused by a rule; led out by a link: %s', async (isLed) => {
    const { place } = entriesIn({
      isDirectory: true,
      named: ['/srv/in', '/srv/in/**'],
      links: isLed ? { '/srv/in/a': '/etc/passwd' } : {},
      denies: (writes) => writes.includes(isLed ? '/etc/passwd' : '/srv/in/a'),
    })
    await expect(place('a')).rejects.toBe(REFUSED)
  })

  it('whose name is not UTF-8 may be anywhere', async () => {
    expect((await entriesIn({ isDirectory: true }).place('\xff')).path).toBe('**')
  })
})
