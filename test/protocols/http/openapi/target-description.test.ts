import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fieldNameFindings, nameFindings } from '../../../../src/protocols/http/openapi/named-operations.ts'
import {
  replyTo,
  type DocumentReply,
  type DocumentRequest,
} from '../../../../src/protocols/http/openapi/document-reader.ts'
import {
  descriptionOf,
  descriptionProblems,
  prepareDescriptions,
  type DescribedTarget,
} from '../../../../src/protocols/http/openapi/target-description.ts'
import { loadConfig } from '../../../../src/server/config/load-config.ts'

const DOCUMENT = `openapi: 3.1.0
paths:
  /a: { get: { operationId: readA, tags: [letters] }, delete: { operationId: deleteA } }
`

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-description-'))
  writeFileSync(join(directory, 'a.yaml'), DOCUMENT)
  writeFileSync(join(directory, 'two.yaml'), `${DOCUMENT}---\n${DOCUMENT}`)
  writeFileSync(join(directory, 'bytes.yaml'), Buffer.from([0x61, 0xff]))
  writeFileSync(join(directory, 'large.yaml'), Buffer.alloc(8 * 1024 * 1024 + 1, ' '))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const target = (openapi?: string, unsafeOperations: readonly string[] = [], name = 'api'): DescribedTarget => ({
  name,
  openapi,
  unsafeOperations,
})

describe('the description of a target', () => {
  it('is read once for each entry of the configuration', () => {
    const entry = target('a.yaml')
    const description = descriptionOf(entry, directory)
    expect(description?.operations.map(({ name }) => name)).toEqual(['readA', 'deleteA'])
    expect(descriptionOf(entry, '/nowhere')).toBe(description)
    expect(() => descriptionOf({ ...entry }, '/nowhere')).toThrow('there is no file a.yaml')
    expect(descriptionOf(target(), directory)).toBeUndefined()
  })

  it.each([
    ['two.yaml', 'expected one document'],
    ['bytes.yaml', 'bytes.yaml is not UTF-8'],
    ['large.yaml', 'large.yaml is larger than 8 MiB'],
  ])('cannot be %s', (file, why) => {
    expect(descriptionProblems(target(file), directory)).toEqual([
      { path: ['openapi'], message: expect.stringContaining(why) as string },
    ])
  })

  it('has all operations that are called unsafe', () => {
    expect(descriptionProblems(target('a.yaml', ['readA']), directory)).toEqual([])
    expect(descriptionProblems(target('a.yaml', ['readB']), directory)).toEqual([
      { path: ['unsafeOperations', 0], message: 'a.yaml has no operation "readB"; did you mean "readA"?' },
    ])
    expect(descriptionProblems(target('a.yaml', ['readA', 'deleteA']), directory)).toEqual([
      {
        path: ['unsafeOperations', 1],
        message: '"deleteA" is a DELETE, and only GET, HEAD and OPTIONS can be safe: leave it out',
      },
    ])
  })
})

describe('names in rules', () => {
  it('are those of a document of some target', () => {
    const targets = [target('a.yaml'), target(undefined, [], 'bare')]
    expect(nameFindings({ operations: ['readA'], tags: ['letters'] }, [target('a.yaml')], directory)).toEqual([])
    expect(nameFindings({ operations: ['readA'] }, targets, directory)).toEqual([
      { level: 'warning', path: ['operations'], message: expect.stringContaining('target bare has no') as string },
    ])
    expect(nameFindings({ tags: ['letter'] }, [target('a.yaml')], directory)).toEqual([
      { level: 'error', path: ['tags', 0], message: expect.stringContaining('did you mean "letters"') as string },
    ])
    expect(nameFindings({ operations: ['x'] }, [target()], directory)).toEqual([
      { level: 'error', path: ['operations'], message: expect.stringContaining('no target of this rule') as string },
    ])
    expect(nameFindings({ methods: ['GET'] }, targets, directory)).toEqual([])
    for (const text of ['DELETE /a', 'DELETE /shop/a'])
      expect(nameFindings({ operations: [text] }, [{ ...target('a.yaml'), basePath: '/shop' }], directory)).toEqual([
        {
          level: 'error',
          path: ['operations', 0],
          message: `the OpenAPI documents of api have no operation "${text}"; it is called "deleteA"`,
        },
      ])
  })

  it('and problems of documents have their place in the configuration', () => {
    const config = (openapi: string, match: string): string => {
      const file = join(directory, 'pam.yaml')
      writeFileSync(
        file,
        `identity: { issuers: [{ url: https://idp.example.com, for: people, clientId: p }] }
targets:
  - { name: api, type: http, host: 127.0.0.1, openapi: ${openapi} }
commands:
  - { name: r, match: ${match}, allow: true }
`,
      )
      return file
    }
    expect(() => loadConfig(config('a.yaml', '{ operations: [readA, redA] }'))).toThrow(
      'pam.yaml:5:45: commands.0.match.operations.1: the OpenAPI documents of api have no operation "redA"; did you mean "readA"?',
    )
    expect(() => loadConfig(config('none.yaml', '{ methods: [GET] }'))).toThrow(
      'pam.yaml:3:56: targets.0.openapi: there is no file none.yaml',
    )
    expect(() => loadConfig(config('two.yaml', '{ methods: [GET] }'))).toThrow('targets.0.openapi: two.yaml:4:1:')
    expect(loadConfig(config('a.yaml', '{ tags: [letters] }')).targets).toHaveLength(1)
  })
})

it('fields of masking rules name operations that a document has', () => {
  const fields = ['/a:/email', 'readA:/email', '*:/x', 'secrets:data.*', 'read:/email']
  expect(fieldNameFindings(fields, [target('a.yaml')], directory)).toEqual([
    {
      level: 'error',
      path: ['fields', 4],
      message: 'the OpenAPI documents of api have no operation "read"; did you mean "readA"?',
    },
  ])
  expect(fieldNameFindings(['readA:/x'], [target('a.yaml'), target()], directory)).toMatchObject([
    { level: 'warning', path: ['fields'] },
  ])
  expect(fieldNameFindings(['readA:/x'], [target()], directory)).toMatchObject([{ level: 'error', path: ['fields'] }])
  expect(fieldNameFindings(['/a:/x', '*:/x'], [target()], directory)).toEqual([])
})

describe('documents that are prepared', () => {
  /** In place of a thread: what it is asked, and what is said instead of its own answer. */
  function reader(instead?: 'late' | 'broken') {
    const asked: DocumentRequest[] = []
    const run = (request: DocumentRequest): Promise<DocumentReply | 'late' | 'broken'> => {
      asked.push(request)
      // As between threads.
      return Promise.resolve(instead ?? structuredClone(replyTo(structuredClone(request))))
    }
    return { asked, run, close: () => Promise.resolve() }
  }
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text)

  it('are read once, and again only where they have changed', async () => {
    write('p.yaml', DOCUMENT)
    const first = reader()
    await prepareDescriptions([target('p.yaml'), target('p.yaml'), target(), target('gone.yaml')], directory, first)
    expect(first.asked).toHaveLength(1)
    const [one, other] = [target('p.yaml'), target('p.yaml')]
    const description = descriptionOf(one, directory)
    expect(descriptionOf(other, directory)).toBe(description)
    expect(description?.describe({ method: 'DELETE', segments: ['a'] })).toMatchObject({
      operation: { name: 'deleteA' },
    })
    const second = reader()
    await prepareDescriptions([target('p.yaml')], directory, second)
    expect(second.asked).toEqual([])
    write('p.yaml', DOCUMENT.replace('readA', 'readB'))
    await prepareDescriptions([target('p.yaml'), { ...target('p.yaml'), basePath: '/v2' }], directory, second)
    expect(second.asked).toHaveLength(2)
  })

  it('are read on the spot where they changed in between', async () => {
    write('q.yaml', DOCUMENT)
    await prepareDescriptions([target('q.yaml')], directory, reader())
    write('q.yaml', DOCUMENT.replace('readA', 'readC'))
    expect(descriptionOf(target('q.yaml'), directory)?.operations[0]?.name).toBe('readC')
  })

  it.each([
    [undefined, 'paths: 1', 'expected'],
    ['late' as const, DOCUMENT, 'takes too long to be read'],
    ['broken' as const, DOCUMENT, 'too large or too deeply nested'],
  ])('say what was wrong: %s', async (instead, text, why) => {
    write('r.yaml', text)
    await prepareDescriptions([target('r.yaml')], directory, reader(instead))
    expect(descriptionProblems(target('r.yaml'), directory)[0]?.message).toContain(why)
  })
})
