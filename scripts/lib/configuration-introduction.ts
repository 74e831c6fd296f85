/** What docs/configuration.md says before it lists the options. */
export const introduction = `# Configuration

<!-- Written by \`npm run docs\` from the schema in src/config/schema.ts: change it there. -->

Sidekeep reads one YAML file. This one fetches two secrets and whatever is shared from an HTTP backend:

\`\`\`yaml
api:
  listen: 127.0.0.1:7575            # or unix:/run/sidekeep/api.sock
ops:
  listen: 0.0.0.0:7576              # optional: health and metrics only
providers:
  platform:
    type: http
    url: https://my-secrets.platform:8080/secrets
    token: { env: AUTH_TOKEN }
    ca: { file: /etc/ssl/platform-ca.pem }   # optional
    timeout: 5s
secrets:
  db-password: { provider: platform, refresh: 10m, maxStale: 24h, required: true }
  api-key:     { provider: platform, key: stripe-live, field: key }
  "shared/*":  { provider: platform, key: "*" }    # a pattern
shutdown: { timeout: 25s, linger: 0s }
log: { level: info }
\`\`\`

Every option has a default that suits a sidecar in a pod, save those marked *required*.
\`sidekeep check\` reads a configuration and opens nothing. \`sidekeep schema\` prints the JSON Schema, which is also in
[sidekeep.schema.json](sidekeep.schema.json); an editor with the YAML language server takes it from a first line of
\`# yaml-language-server: $schema=sidekeep.schema.json\`.

## Where it comes from

The first of these that is there:

1. \`--config FILE\`
2. the file that \`$SIDEKEEP_CONFIG\` names
3. \`./sidekeep.yaml\`
4. \`/etc/sidekeep/sidekeep.yaml\`
5. the environment alone

A file that was named must exist, and any that exists must be right: Sidekeep does not go on to the next place. A file
has at most 1 MiB, is UTF-8 and holds one YAML 1.2 document. Relative paths in it start at the working directory.

All that is wrong is told at once, each with its line, column and path, and the process ends with exit code 78 before it
has opened anything. Unknown keys are errors, since a misspelt option would otherwise be ignored in silence. Values that
came from variables or files are never repeated, nor are credentials.

## Without a file

For one backend that lists all secrets, the environment is enough:

| variable | stands for |
|---|---|
| \`SIDEKEEP_URL\` | the URL that lists all secrets: \`url\` of an \`http\` provider |
| \`AUTH_TOKEN\` | holds the bearer token |
| \`SIDEKEEP_TOKEN_FILE\` | names a file that holds it instead |
| \`SIDEKEEP_REFRESH\` | \`refresh\` of all secrets |
| \`SIDEKEEP_LISTEN\` | \`api.listen\` |

It is the same as this file, and readiness waits for the first list:

\`\`\`yaml
providers:
  default: { type: http, url: "\${SIDEKEEP_URL}", token: { env: AUTH_TOKEN } }
secrets:
  "*": { provider: default, required: true }
\`\`\`

## Quantities

- A **duration** is a whole number and a unit: \`500ms\`, \`10s\`, \`5m\`, \`12h\`, \`7d\`.
- A **size** is a whole number and a unit: \`B\`, \`KiB\`, \`MiB\`, \`GiB\` (powers of 1024), \`KB\`, \`MB\`, \`GB\` (powers of
  1000). Without a unit it is bytes.
- A **rate** is a whole number per second, minute or hour: \`100/s\`, \`60/m\`, \`1000/h\`.
- An **address** is \`127.0.0.1:7575\`, \`[::1]:7575\` or \`unix:/run/sidekeep/api.sock\`. Port 0 takes any free port. Host
  names are refused, \`localhost\` too: a name may mean another address than the one that callers use.

## Strings from elsewhere

A **string source** is one of three:

\`\`\`yaml
token: { env: AUTH_TOKEN }           # an environment variable
token: { file: /run/secrets/token }  # a file; one newline at its end is dropped
token: written-right-here            # for trying things out
\`\`\`

The variable or file is read again at each use, since mounted tokens are replaced while the process runs.

In any other string, \`\${NAME}\` takes the environment variable \`NAME\` when the file is read; a variable that is not set is
an error. \`\${NAME:-default}\` takes the default where the variable is unset or empty, and \`$\${\` stands for \`\${\` itself.
Between brackets, \`{ … }\` and \`[ … ]\`, YAML wants quotes around it: \`{ provider: "\${NAME}" }\`. The result is always a
string: it suits durations, sizes, addresses and URLs, but not numbers and \`true\` or \`false\`.

## Names

A secret's name has 1 to 256 bytes of UTF-8, no control character, no backslash, and no segment between slashes that is
empty, \`.\` or \`..\`. With one \`*\` it is a **pattern**, where \`*\` matches any characters, slashes too.

## Callers

Without callers, whoever reaches the listener may ask for every secret. With them, each application has a name, a token,
and the secrets that are meant for it ([step by step](callers.md)):

\`\`\`yaml
api:
  listen: 127.0.0.1:7575
  callers:
    web:
      tokens: [{ file: /run/sidekeep/web.token }, { env: WEB_TOKEN }]   # either lets it in
      allow: ["web/*", db-password]
      rights: [read, list, watch]     # the default; there is also refresh
      limit: 200/s
  listeners:                          # further addresses, each with callers or an allow-list of its own
    - { listen: "unix:/run/sidekeep/worker/api.sock", mode: "0660", group: 1000, allow: ["worker/*"] }
providers:
  platform: { type: http, url: "https://my-secrets.platform:8080/secrets", token: { env: AUTH_TOKEN } }
secrets:
  db-password: { provider: platform }
  "web/*":     { provider: platform }
  "worker/*":  { provider: platform }
audit: { file: /var/log/sidekeep/audit.log }
\`\`\`

A **token** has at least 128 bits, judged by its length and by the smallest alphabet that it could come from: 22 random
characters of base64url, 32 of hexadecimal. \`sidekeep token\` makes one; \`sidekeep token --file PATH\` puts it into a
file that only its owner can read. It is visible ASCII without spaces, at most 4096 bytes, and of one caller alone. A
weak one is an error, wherever it comes from. A file that does not exist yet, or a variable that is not set, is a warning:
nobody is let in by it.

In \`allow\`, each \`*\` of a pattern stands for one character or more, slashes too. A name that no rule of \`secrets\`
names is a warning, since it is probably misspelt.

A listener that other machines reach needs three things: \`api.allowRemote: true\`, \`callers\` and \`tls\`. Name the hosts
that requests name in \`api.hosts\`.
`
