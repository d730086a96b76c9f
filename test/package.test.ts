import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT, run } from './helpers/run.ts'

interface Locked {
  readonly version?: string
  readonly dev?: boolean
  readonly integrity?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly hasInstallScript?: boolean
}

const json = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'))
interface Manifest {
  readonly dependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly overrides: Record<string, string>
}

const manifest = json('package.json') as Manifest
const { packages } = json('npm-shrinkwrap.json') as { packages: Record<string, Locked & Partial<Manifest>> }

/**
 * npm takes `overrides` of the root only. A package from a registry keeps them by its shrinkwrap; one that is installed from the
 * file has no say but in what it bundles.
 */
describe('the published package', () => {
  it('brings the versions that were tested', async () => {
    const { code, stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT })
    expect(code).toBe(0)
    const [packed] = JSON.parse(stdout) as [{ files: { path: string }[]; bundled: string[] }]
    const files = packed.files.map(({ path }) => path)
    expect(files).toEqual(
      expect.arrayContaining([
        'npm-shrinkwrap.json',
        'bin/pamctl.js',
        'bin/pam-gateway.js',
        'docs/quickstart.md',
        'man/pamctl.1',
        'man/pam-gateway.8',
      ]),
    )
    expect(packed.bundled).toEqual(expect.arrayContaining(Object.keys(manifest.overrides)))
    expect(files.filter((path) => /^(src|test|scripts|bench)\//.test(path))).toEqual([])
  })

  /**
   * docs/install.md installs with --ignore-scripts, since npm takes optional dependencies of a package that bundles some for required ones, and stops
   * where cpu-features cannot be compiled. bufferutil brings its binaries; without theirs, ssh2 and cpu-features are JavaScript and absent.
   */
  it('needs no install script', () => {
    const scripted = Object.entries(packages).filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev)
    expect(scripted.map(([path]) => path)).toEqual(
      ['bufferutil', 'cpu-features', 'ssh2'].map((name) => `node_modules/${name}`),
    )
  })

  it('has one lock file, which is in step with package.json', () => {
    expect(() => readFileSync(join(ROOT, 'package-lock.json'))).toThrow(/ENOENT/)
    const root = packages['']
    for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies'] as const) {
      expect(root?.[kind]).toEqual(manifest[kind])
      for (const [name, version] of Object.entries(manifest[kind]))
        expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version])
    }
  })

  it('honours the overrides everywhere, and locks each package by its content', () => {
    for (const [name, version] of Object.entries(manifest.overrides)) {
      const all = Object.entries(packages).filter(([path]) => path.endsWith(`node_modules/${name}`))
      expect(all.length).toBeGreaterThan(0)
      expect(all.map(([, locked]) => locked.version)).toEqual(all.map(() => version))
      expect(all.map(([, locked]) => locked.inBundle)).toEqual(all.map(() => true))
    }
    const loose = Object.entries(packages).filter(
      ([path, { integrity, link }]) => path !== '' && integrity === undefined && link !== true,
    )
    expect(loose.map(([path]) => path)).toEqual([])
  })
})

describe('the bundled gateway', () => {
  it('has every worker that its modules start, each under a name of its own', async () => {
    const { default: config } = (await import(
      new URL('../scripts/pam-gateway.vite.config.js', import.meta.url).href
    )) as { default: { build: { rolldownOptions: { input: Record<string, string> } } } }
    const { main: _, start: __, ...workers } = config.build.rolldownOptions.input
    const started = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => {
        const named = [...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/new URL\('\.\/([^']+)\.js', import/g)]
        return named.map(([, name]) => [name, join('src', file, '..', `${name}.ts`)] as const)
      })
    expect(started.length).toBeGreaterThan(2)
    expect(new Set(started.map(([name]) => name)).size).toBe(started.length)
    expect(workers).toEqual(Object.fromEntries(started))
  })

  it.each([
    ['pam-gateway', /^## fastify - .*\(MIT\)$/m],
    ['pamctl', /^## commander - .*\(MIT\)$/m],
  ])('%s comes with the licenses of what is in it', (program, license) => {
    expect(readFileSync(join(ROOT, 'dist', program, 'LICENSES.md'), 'utf8')).toMatch(license)
  })
})
