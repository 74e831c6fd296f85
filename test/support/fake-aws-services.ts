/**
 * What Secrets Manager and the Parameter Store answer, by their API references: members that they do not know, and
 * numbers beyond their bounds, are refused as they would refuse them.
 */
export interface FakeVersion {
  readonly id: string
  readonly stages: readonly string[]
  readonly text?: string
  readonly bytes?: Buffer
}

export interface FakeSecret {
  readonly arn: string
  versions: FakeVersion[]
  deleted?: boolean
  readonly tags?: Readonly<Record<string, string>>
}

export interface FakeParameter {
  readonly type?: 'String' | 'StringList' | 'SecureString'
  /** The first is version 1. */
  readonly values: readonly string[]
  /** By label, which version. */
  readonly labels?: Readonly<Record<string, number>>
}

/** An answer of AWS that tells of an error. */
export class FakeError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, message = `CANARY-message of ${code}`, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

type Input = Readonly<Record<string, unknown>>
type Operation = (input: Input) => unknown

export const arnOf = (name: string): string =>
  `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}-AbCd12`

const parameterArn = (name: string): string =>
  `arn:aws:ssm:eu-central-1:123456789012:parameter/${name.replace(/^[/]/, '')}`

export class FakeServices {
  readonly secrets = new Map<string, FakeSecret>()
  readonly parameters = new Map<string, FakeParameter>()
  /** What is refused: by operation, or by operation and name (`GetSecretValue prod/db`), with which error. */
  readonly refusals = new Map<string, FakeError>()
  /** Secrets that answers to a batch leave out, with no word of them. */
  readonly omitted = new Set<string>()
  /** How many secrets a page of a batch has. */
  batchPage = 20

  readonly operations: Readonly<Record<string, Operation>> = {
    'secretsmanager.GetSecretValue': (input) => {
      allow(input, ['SecretId', 'VersionId', 'VersionStage'])
      return this.#secretValue(string(input.SecretId), input)
    },
    'secretsmanager.BatchGetSecretValue': (input) => this.#batch(input),
    'secretsmanager.ListSecrets': (input) => this.#list(input),
    'AmazonSSM.GetParameters': (input) => this.#getParameters(input),
    'AmazonSSM.GetParametersByPath': (input) => {
      allow(input, ['Path', 'Recursive', 'WithDecryption', 'MaxResults', 'NextToken'])
      const path = string(input.Path)
      if (input.Recursive !== true || input.WithDecryption !== true || !path.startsWith('/')) throw invalid()
      const below = [...this.parameters.keys()].filter(
        (name) => path === '/' || name.startsWith(`${path.replace(/\/$/, '')}/`),
      )
      const { items, NextToken } = page(below, input, 10)
      for (const name of items) this.refuse('GetParametersByPath', name)
      return { Parameters: items.map((name) => this.#parameter(name, undefined)), NextToken }
    },
    'AmazonSSM.DescribeParameters': (input) => {
      allow(input, ['MaxResults', 'NextToken', 'ParameterFilters'])
      const filters = list(input.ParameterFilters ?? []).map((filter) => {
        allow(filter as Input, ['Key', 'Option', 'Values'])
        const { Key, Option, Values } = filter as Input
        if (Key !== 'Name' || Option !== 'BeginsWith') throw invalid()
        return list(Values).map(string)
      })
      const names = [...this.parameters.keys()].filter((name) =>
        filters.every((values) => values.some((value) => name.startsWith(value))),
      )
      const { items, NextToken } = page(names, input, 50)
      return { Parameters: items.map((Name) => ({ Name, Type: 'String', Version: 1 })), NextToken }
    },
  }

  /** Throws where the operation is refused, as a whole or for this name. */
  refuse(operation: string, name?: string): void {
    const refusal = this.refusals.get(name === undefined ? operation : `${operation} ${name}`)
    if (refusal !== undefined) throw refusal
  }

  #named(id: string): [string, FakeSecret] {
    for (const [name, secret] of this.secrets) {
      if (id === name || id === secret.arn || id === secret.arn.slice(0, -7)) return [name, secret]
    }
    throw new FakeError('ResourceNotFoundException')
  }

  #secretValue(id: string, { VersionId: wanted, VersionStage: stage }: Input): object {
    if (id === '' || !/^[\w/+=.@!:-]+$/.test(id)) throw new FakeError('ValidationException')
    this.refuse('GetSecretValue', id)
    const [Name, secret] = this.#named(id)
    if (secret.deleted === true) {
      throw new FakeError(
        'InvalidRequestException',
        'You can’t perform this operation on the secret because it was marked for deletion. CANARY-deleted',
      )
    }
    const version = secret.versions.find((one) =>
      wanted === undefined ? one.stages.includes(string(stage ?? 'AWSCURRENT')) : one.id === wanted,
    )
    if (version === undefined) throw new FakeError('ResourceNotFoundException')
    return {
      ARN: secret.arn,
      Name,
      VersionId: version.id,
      VersionStages: version.stages,
      ...(version.bytes === undefined
        ? { SecretString: version.text }
        : { SecretBinary: version.bytes.toString('base64') }),
    }
  }

  #batch(input: Input): object {
    allow(input, ['SecretIdList', 'NextToken'])
    const ids = list(input.SecretIdList).map(string)
    if (ids.length === 0 || ids.length > 20 || new Set(ids).size < ids.length) throw invalid()
    const { items, NextToken } = page(ids, { NextToken: input.NextToken }, this.batchPage)
    const SecretValues: object[] = []
    const Errors: object[] = []
    for (const id of items.filter((one) => !this.omitted.has(one))) {
      try {
        SecretValues.push(this.#secretValue(id, {}))
      } catch (error) {
        if (!(error instanceof FakeError)) throw error
        Errors.push({ SecretId: id, ErrorCode: error.code, Message: error.message })
      }
    }
    return { SecretValues: SecretValues.reverse(), Errors, NextToken }
  }

  #list(input: Input): object {
    allow(input, ['MaxResults', 'NextToken', 'Filters'])
    const filters = list(input.Filters ?? []).map((filter) => {
      const { Key, Values, ...more } = filter as Input
      const values = list(Values).map(string)
      if (Object.keys(more).length > 0 || values.length === 0 || values.length > 10) throw invalid()
      return { key: string(Key), values }
    })
    if (filters.length > 10) throw invalid()
    const names = [...this.secrets].filter(
      ([name, { deleted, tags = {} }]) =>
        deleted !== true &&
        filters.every(({ key, values }) => {
          if (key !== 'name' && key !== 'tag-key') throw invalid()
          const texts = key === 'name' ? [name] : Object.keys(tags)
          return values.some((value) => texts.some((text) => text.startsWith(value)))
        }),
    )
    const { items, NextToken } = page(names, input, 100)
    return { SecretList: items.map(([Name, { arn: ARN }]) => ({ Name, ARN })), NextToken }
  }

  #getParameters(input: Input): object {
    allow(input, ['Names', 'WithDecryption'])
    const names = list(input.Names).map(string)
    if (names.length === 0 || names.length > 10 || input.WithDecryption !== true) throw invalid()
    const parsed = names.map((asked) => {
      const [, arn, name = '', selector] =
        /^(arn:aws:ssm:eu-central-1:123456789012:parameter\/?)?([\w./-]+)(?::([\w.-]+))?$/.exec(asked) ?? []
      if (name === '' || (name.includes('/') && !name.startsWith('/') && arn === undefined)) throw invalid()
      const known = [name, `/${name}`].find((one) => this.parameters.has(one)) ?? name
      return { asked, name: known, selector }
    })
    if (new Set(parsed.map(({ name }) => name)).size < parsed.length) throw invalid()
    for (const { name } of parsed) this.refuse('GetParameters', name)
    const Parameters: object[] = []
    const InvalidParameters: string[] = []
    for (const { asked, name, selector } of parsed) {
      const found = this.omitted.has(name) ? undefined : this.#parameter(name, selector)
      if (found !== undefined) Parameters.unshift(found)
      else if (!this.omitted.has(name)) InvalidParameters.push(asked)
    }
    return { Parameters, InvalidParameters }
  }

  #parameter(name: string, selector: string | undefined): object | undefined {
    const parameter = this.parameters.get(name)
    if (parameter === undefined) return undefined
    const { type = 'SecureString', values, labels = {} } = parameter
    const version =
      selector === undefined
        ? values.length
        : /^\d+$/.test(selector)
          ? Number(selector)
          : (labels[selector] ?? 0)
    const value = values[version - 1]
    if (value === undefined) return undefined
    return {
      Name: name,
      ARN: parameterArn(name),
      Type: type,
      Value: value,
      Version: version,
      ...(selector !== undefined && { Selector: `:${selector}` }),
    }
  }
}

function page<T>(all: readonly T[], input: Input, most: number): { items: T[]; NextToken?: string } {
  const { MaxResults: size = most, NextToken: token = 'page-0' } = input
  const start = Number(/^page-(\d+)$/.exec(string(token))?.[1] ?? Number.NaN)
  if (typeof size !== 'number' || size < 1 || size > most || Number.isNaN(start)) throw invalid()
  const end = start + size
  return { items: all.slice(start, end), ...(end < all.length && { NextToken: `page-${end}` }) }
}

function allow(input: Input, members: readonly string[]): void {
  if (Object.keys(input).some((member) => !members.includes(member))) throw invalid()
}

function invalid(): FakeError {
  return new FakeError('ValidationException')
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw invalid()
  return value
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw invalid()
  return value
}
