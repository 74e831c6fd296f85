import { readFileSync } from 'node:fs'

const head = `# Made of alerts.yaml by "npm run docs", for the Prometheus operator.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: sidekeep
  labels:
    app.kubernetes.io/name: sidekeep
spec:
`

/** The rules of manifests/monitoring/alerts.yaml as a resource of the operator: the same text, with its comments, further in. */
export function prometheusRuleText(): string {
  const rules = readFileSync(new URL('../../manifests/monitoring/alerts.yaml', import.meta.url), 'utf8')
  const groups = rules.slice(rules.indexOf('groups:'))
  return head + groups.replaceAll(/^(?=.)/gm, '  ')
}
