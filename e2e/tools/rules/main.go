// Alerts as Prometheus reads and evaluates them: its parser of rules, its parser of what targets expose, its language. The
// storage alone is not its own, which would bring the clients of every cloud along: a list of series in memory.
//
//	rules RULES SCRAPE < CASES > FIRING
//
// RULES is a file of rules, SCRAPE what a target answered. A case is a number of minutes in which so many replicas answer the
// same each minute, but for the series that it names. Printed are the alerts that fire at the end of each case.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Between two scrapes, and between two evaluations.
const interval = time.Minute

type scenario struct {
	Name     string `json:"name"`
	Minutes  int    `json:"minutes"`
	Replicas int    `json:"replicas"`
	// In which minute the first of them can be scraped.
	From int `json:"from"`
	// From which minute on so many of them cannot be scraped.
	Until int `json:"until"`
	Gone  int `json:"gone"`
	// What differs at the first replica, or at all of them: the values of a series in the notation of promtool, of which the
	// last stays. Each series has to be one of the scrape.
	First map[string]string `json:"first"`
	All   map[string]string `json:"all"`
}

type outcome struct {
	Name   string   `json:"name"`
	Firing []string `json:"firing"`
}

// What was scraped of one series.
type scraped struct {
	labels labels.Labels
	value  float64
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: rules RULES SCRAPE < CASES")
	}
	language := parser.NewParser(parser.Options{})
	groups, err := read(os.Args[1], language)
	if err != nil {
		log.Fatal(err)
	}
	scrape, err := expose(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var scenarios []scenario
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&scenarios); err != nil {
		log.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		Logger:        slog.New(slog.DiscardHandler),
		MaxSamples:    50_000_000,
		Timeout:       2 * time.Minute,
		LookbackDelta: 5 * time.Minute,
		Parser:        language,
	})
	outcomes := []outcome{}
	for _, scenario := range scenarios {
		series, err := scenario.series(scrape, language)
		if err != nil {
			log.Fatalf("%s: %s", scenario.Name, err)
		}
		outcome := outcome{Name: scenario.Name, Firing: []string{}}
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				fires, err := fires(engine, series, rule, scenario.Minutes)
				if err != nil {
					log.Fatalf("%s: %s: %s", scenario.Name, rule.Alert, err)
				}
				if fires {
					outcome.Firing = append(outcome.Firing, rule.Alert)
				}
			}
		}
		outcomes = append(outcomes, outcome)
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		log.Fatal(err)
	}
}

// Reads rules as Prometheus does when it loads them: what it does not know is an error.
func read(path string, language parser.Parser) (*rulefmt.RuleGroups, error) {
	groups, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, language, slog.New(slog.DiscardHandler))
	return groups, errors.Join(errs...)
}

// Reads what a target exposed.
func expose(path string) ([]scraped, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parser := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	var all []scraped
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, value := parser.Series()
		var of labels.Labels
		parser.Labels(&of)
		all = append(all, scraped{of, value})
	}
}

// The series of all replicas, each with the label of its own that Prometheus gives them.
func (s scenario) series(scrape []scraped, language parser.Parser) (list, error) {
	all, err := differing(s.All, scrape, language)
	if err != nil {
		return nil, err
	}
	first, err := differing(s.First, scrape, language)
	if err != nil {
		return nil, err
	}
	var series list
	for replica := range s.Replicas {
		for _, scraped := range scrape {
			values, differs := all[scraped.labels.String()]
			if replica == 0 {
				if of, is := first[scraped.labels.String()]; is {
					values, differs = of, true
				}
			}
			if !differs {
				values = []point{{Value: scraped.value}}
			}
			of := labels.NewBuilder(scraped.labels).Set("pod", fmt.Sprintf("countersign-%d", replica)).Labels()
			series = append(series, storage.NewListSeries(of, s.samples(values, replica < s.Gone)))
		}
	}
	return series, nil
}

type point = parser.SequenceValue

func (s scenario) samples(values []point, gone bool) []chunks.Sample {
	var samples []chunks.Sample
	for minute := s.From; minute <= s.Minutes; minute++ {
		at := int64(minute) * interval.Milliseconds()
		if gone && minute >= s.Until {
			// A target that cannot be scraped leaves a mark at each of its series.
			return append(samples, sample{at, math.Float64frombits(value.StaleNaN)})
		}
		if now := values[min(minute-s.From, len(values)-1)]; !now.Omitted {
			samples = append(samples, sample{at, now.Value})
		}
	}
	return samples
}

func differing(described map[string]string, scrape []scraped, language parser.Parser) (map[string][]point, error) {
	values := map[string][]point{}
	for series, notation := range described {
		of, sequence, err := language.ParseSeriesDesc(series + " " + notation)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(scrape, func(scraped scraped) bool { return labels.Equal(scraped.labels, of) }) {
			return nil, fmt.Errorf("%s was not scraped", of)
		}
		values[of.String()] = sequence
	}
	return values, nil
}

// Whether an alert fires after so many minutes: whether what it asks for has held as long as it says, at every evaluation,
// of the same labels.
func fires(engine *promql.Engine, series list, rule rulefmt.Rule, minutes int) (bool, error) {
	var lasting map[string]bool
	first := minutes - int(math.Ceil(time.Duration(rule.For).Minutes()))
	if first < 0 {
		return false, nil
	}
	for minute := minutes; minute >= first; minute-- {
		at := time.UnixMilli(int64(minute) * interval.Milliseconds())
		query, err := engine.NewInstantQuery(context.Background(), series, nil, rule.Expr, at)
		if err != nil {
			return false, err
		}
		result := query.Exec(context.Background())
		if result.Err != nil {
			return false, result.Err
		}
		if len(result.Warnings) > 0 {
			return false, fmt.Errorf("%s: %w", rule.Expr, errors.Join(result.Warnings.AsErrors()...))
		}
		vector, err := result.Vector()
		if err != nil {
			return false, err
		}
		now := map[string]bool{}
		for _, sample := range vector {
			now[sample.Metric.DropReserved(func(name string) bool { return name == model.MetricNameLabel }).String()] = true
		}
		query.Close()
		if lasting == nil {
			lasting = now
		}
		for of := range lasting {
			if !now[of] {
				delete(lasting, of)
			}
		}
		if len(lasting) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// Series in memory.
type list []storage.Series

func (l list) Querier(_, _ int64) (storage.Querier, error) { return querier{l}, nil }

type querier struct{ list }

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found list
	for _, series := range q.list {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(series.Labels().Get(m.Name)) }) {
			found = append(found, series)
		}
	}
	slices.SortFunc(found, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &set{found, -1}
}

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.New("no expression asks for the values of a label")
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.New("no expression asks for the names of labels")
}

func (querier) Close() error { return nil }

type set struct {
	list
	at int
}

func (s *set) Next() bool                      { s.at++; return s.at < len(s.list) }
func (s *set) At() storage.Series              { return s.list[s.at] }
func (*set) Err() error                        { return nil }
func (*set) Warnings() annotations.Annotations { return nil }

type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                    { return s.at }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.value }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
