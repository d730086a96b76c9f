import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { statSync } from 'node:fs'
import { promisify } from 'node:util'
import { z } from 'zod'
import { readYamlFile } from '../shared/yaml-file.ts'

const hash = z.string().regex(/^scrypt\$\d+\$[\w-]+\$[\w-]+$/, 'expected a hash: "pam-gateway hash-password" makes one')

/** The file of people and services that the evaluation provider knows. */
export const peopleSchema = z.strictObject({
  people: z
    .array(
      z.strictObject({
        id: z.string().min(1).describe('the subject; never changes'),
        email: z.email(),
        name: z.string(),
        groups: z.array(z.string()).default([]),
        password: hash,
        disabled: z.boolean().default(false),
      }),
    )
    .default([]),
  services: z
    .array(z.strictObject({ id: z.string().min(1), groups: z.array(z.string()).default([]), secret: hash }))
    .default([]),
})

export type People = z.output<typeof peopleSchema>

/** The file as it is now: read again when it changed, so that disabling somebody takes effect at their next proof. */
export function peopleFile(file: string): () => People {
  let readAt = -1
  let people: People = { people: [], services: [] }
  return () => {
    const { mtimeMs } = statSync(file)
    if (mtimeMs !== readAt) {
      people = readYamlFile(file, peopleSchema)
      readAt = mtimeMs
    }
    return people
  }
}

/** `scrypt$cost$salt$hash`, the last two base64url. The cost is a power of two (RFC 7914 section 2). */
export async function hashPassword(password: string, cost = COST): Promise<string> {
  const salt = randomBytes(16)
  return `scrypt$${cost}$${salt.toString('base64url')}$${(await derive(password, salt, cost)).toString('base64url')}`
}

export async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const [, cost, salt, expected] = stored.split('$')
  const actual = await derive(password, Buffer.from(salt ?? '', 'base64url'), Number(cost))
  const wanted = Buffer.from(expected ?? '', 'base64url')
  return actual.length === wanted.length && timingSafeEqual(actual, wanted)
}

const scryptAsync = promisify<string, Buffer, number, { N: number; maxmem: number }, Buffer>(scrypt)
const derive = (password: string, salt: Buffer, cost: number): Promise<Buffer> =>
  scryptAsync(password.normalize('NFKC'), salt, 32, { N: cost, maxmem: 256 * cost * 8 + 1_048_576 })

const COST = 16_384
