import type { YamlPath } from '../../shared/yaml-file.ts'

/** Something about the configuration as a whole: what cannot be meant is an error, what is probably not meant a warning. */
export interface Finding {
  readonly level: 'error' | 'warning'
  readonly path: YamlPath
  readonly message: string
}
