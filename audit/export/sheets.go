package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mingjian/audit/export/report"
)

// sheets are the tables of a package.
type sheets struct{ summary, clauses, findings, sessions report.Table }

func (b *reporting) tables(out *report.Report) sheets {
	at := func(ms int64) string { return time.UnixMilli(ms).In(b.zone).Format("2006-01-02T15:04:05.000-07:00") }
	return sheets{
		summary: report.Table{Sheet: "概要 Summary", Header: []string{"项目 Item", "值 Value"}, Rows: func(each func(...any) error) error {
			for _, row := range [][]any{
				{"数据包 Package", out.ID}, {"企业 Tenant", out.Tenant}, {"期间自 From", at(b.scope.From)}, {"期间至 To", at(b.scope.To)}, {"用途 Purpose", out.Purpose},
				{"会话 Conversations", out.Sessions}, {"交互 Interactions", out.Interactions}, {"规则 Rules", out.Rules}, {"发现 Findings", out.Findings},
				{"违反法律法规 Breaches of law", out.Statute}, {"涉及会话 Conversations concerned", out.Broken}, {"已撤回 Withdrawn", out.Withdrawn},
				{"复核任务 Reviews", out.Review.Tasks}, {"日志检查点 Log checkpoint", int(out.LogSize)}, {"公钥指纹 Key fingerprint", out.Fingerprint},
			} {
				if err := each(row...); err != nil {
					return err
				}
			}
			return nil
		}},
		clauses: report.Table{Sheet: "条款 Clauses", Header: []string{"条款 Clause", "文件 Instrument", "条 Article", "施行 In force", "原文已核对 Verified", "规则 Rules", "发现 Findings", "会话 Conversations", "判断次数 Judgements", "无法判断 Not assessable", "未检查原因 Not checked"}, Rows: func(each func(...any) error) error {
			for _, group := range append([]report.Idle{{Clauses: out.Clauses}, {Clauses: out.Quiet}}, out.Idle...) {
				for _, c := range group.Clauses {
					var rules []string
					judged, stuck := 0, 0
					for _, r := range c.Rules {
						rules = append(rules, r.ID)
						judged, stuck = judged+r.Judged, stuck+r.NotAssessed
					}
					why := strings.TrimSpace(group.Why.ZH + " " + group.Why.EN)
					if err := each(c.ID, c.Instrument, c.Article, c.Effective, fmt.Sprint(c.Verified), strings.Join(rules, " "), c.Findings, c.Sessions, judged, stuck, why); err != nil {
						return err
					}
				}
			}
			return nil
		}},
		findings: report.Table{Sheet: "发现 Findings", Header: []string{"发现 Finding", "会话 Conversation", "时间 Time", "规则 Rule", "名称 Title", "级别 Severity", "性质 Status", "条款 Clauses", "事件 Event", "规则版本 Revision"}, Rows: func(each func(...any) error) error {
			for _, f := range b.list {
				r := b.rule(f.rule)
				var clauses []string
				for _, c := range b.cited(f) {
					clauses = append(clauses, c.ID)
				}
				if err := each(f.id, f.session, at(f.at), f.rule, r.Title.ZH+" "+r.Title.EN, f.severity, report.StatusWord(f.status), strings.Join(clauses, " "), f.subject, f.revision); err != nil {
					return err
				}
			}
			return nil
		}},
		sessions: report.Table{Sheet: "会话 Conversations", Header: []string{"会话 Conversation", "首条 First", "末条 Last", "渠道 Channel", "业务线 Business line", "机器人版本 Bot version", "法域 Jurisdiction", "交互 Interactions", "发现 Findings"}, Rows: func(each func(...any) error) error {
			for _, id := range slices.Sorted(maps.Keys(b.sessions)) {
				t := b.sessions[id]
				if t.inside == 0 {
					continue
				}
				if err := each(id, at(t.first), at(t.last), t.channel, t.line, t.version, t.place, int(t.events), int(t.findings)); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}
