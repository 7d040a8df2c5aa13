package local

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"drey/driver"
	"drey/runtimes"
)

// writeConfiguration writes everything that the processes read at their start.
func writeConfiguration(dir, resolver string, c driver.Cluster, p *plan, dist runtimes.Distribution) error {
	b, err := split(c.MemoryPerTaskManager)
	if err != nil {
		return err
	}
	options := maps.Clone(c.Configuration)
	if options == nil {
		options = map[string]string{}
	}
	maps.Copy(options, addresses(dir, c, p, b))
	python, err := pythonOptions(c, dist)
	if err != nil {
		return err
	}
	maps.Copy(options, python)
	properties := c.Properties
	if len(properties) == 0 {
		properties = []byte("[]")
	}
	files := map[string][]byte{
		dist.ConfFile:                 dist.Render(options),
		"application_properties.json": properties,
		"passwd":                      fmt.Appendf(nil, "flink:x:%d:%d:Flink:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", os.Getuid(), os.Getgid()),
		"group":                       fmt.Appendf(nil, "flink:x:%d:\nnogroup:x:65534:\n", os.Getgid()),
		"resolv.conf":                 []byte("nameserver " + resolver + "\noptions ndots:1 timeout:2\n"),
		"hosts":                       hosts(c.Workers(taskManagerName)),
		"log4j2.xml":                  []byte(log4j(c.LogLevel, filepath.Join(dir, "conf", "log-template.json"))),
	}
	if files["log-template.json"], err = logTemplate(c.LogFields); err != nil {
		return err
	}
	for name, body := range files {
		if err := writeFile(filepath.Join(dir, "conf", name), body); err != nil {
			return err
		}
	}
	return nil
}

// hosts lets processes resolve their own host name, as much in Java asks for it, beside what the machine's file names.
func hosts(taskManagers []string) []byte {
	system, _ := os.ReadFile("/etc/hosts") // a machine without one names nothing
	b := fmt.Appendf(bytes.TrimRight(system, "\n"), "\n127.0.0.1 localhost %s", jobManagerName)
	for _, name := range taskManagers {
		b = fmt.Appendf(b, " %s", name)
	}
	return append(b, '\n')
}

// addresses are the options that only the driver can know.
func addresses(dir string, c driver.Cluster, p *plan, b budget) map[string]string {
	size := func(n int64) string { return strconv.FormatInt(n, 10) + "b" }
	return map[string]string{
		"rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1", "rest.port": strconv.Itoa(p.RESTPort), "rest.bind-port": strconv.Itoa(p.RESTPort),
		"jobmanager.rpc.address": "127.0.0.1", "jobmanager.bind-host": "127.0.0.1", "jobmanager.rpc.port": strconv.Itoa(p.RPCPort),
		"blob.server.port": strconv.Itoa(p.BlobPort),
		"taskmanager.host": "127.0.0.1", "taskmanager.bind-host": "127.0.0.1",
		"taskmanager.numberOfTaskSlots":              strconv.Itoa(c.SlotsPerTaskManager),
		"taskmanager.cpu.cores":                      strconv.FormatFloat(max(c.CPUPerTaskManager, 0.1), 'f', -1, 64),
		"taskmanager.memory.task.heap.size":          size(b.taskHeap),
		"taskmanager.memory.task.off-heap.size":      "0b",
		"taskmanager.memory.framework.heap.size":     size(frameworkHeap),
		"taskmanager.memory.framework.off-heap.size": size(frameworkDirect),
		"taskmanager.memory.network.min":             size(b.network),
		"taskmanager.memory.network.max":             size(b.network),
		"taskmanager.memory.managed.size":            size(b.managed),
		"taskmanager.memory.jvm-metaspace.size":      size(metaspace),
		"taskmanager.memory.jvm-overhead.min":        size(b.overhead),
		"taskmanager.memory.jvm-overhead.max":        size(b.overhead),
		"web.upload.dir":                             filepath.Join(dir, "upload"),
		"io.tmp.dirs":                                "/tmp",
		"cluster.registration.error-delay":           "200",
		"cluster.registration.initial-timeout":       "100",
		"web.refresh-interval":                       "100",
	}
}

// log4jXML has an appender that takes nothing. It has log4j look for where a line was logged before it goes to the appenders, as all
// that wants it there must say so, and JsonTemplateLayout of log4j 2.17 does not: looking later, below the frames of log4j itself, takes twice
// as long as all else that a line costs.
const log4jXML = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable" monitorInterval="1">
  <Appenders>
    <RollingFile name="json" fileName="${sys:drey.log}" filePattern="${sys:drey.log}.%%i">
      <JsonTemplateLayout eventTemplateUri="file://%s" maxStringLength="262144" locationInfoEnabled="true"/>
      <Policies><SizeBasedTriggeringPolicy size="64 MB"/></Policies>
      <DefaultRolloverStrategy max="3"/>
    </RollingFile>
    <Console name="location"><PatternLayout pattern="%%l"/><DenyAllFilter/></Console>
  </Appenders>
  <Loggers>
    <Root level="%s"><AppenderRef ref="location"/><AppenderRef ref="json"/></Root>
    <Logger name="org.apache.flink.runtime.rest.handler" level="WARN"/>
    <Logger name="org.jboss.netty.channel.DefaultChannelPipeline" level="OFF"/>
  </Loggers>
</Configuration>
`

func log4j(level, template string) string {
	if level == "" {
		level = "INFO"
	}
	var path bytes.Buffer
	_ = xml.EscapeText(&path, []byte(template)) // a buffer takes everything
	return fmt.Sprintf(log4jXML, path.String(), level)
}

// logTemplate is the shape of a log line (developer guide, "Analyze logs with CloudWatch Logs Insights"), with the time
// beside it for whoever ships the line.
func logTemplate(fields map[string]string) ([]byte, error) {
	t := map[string]any{
		"locationInformation":  map[string]any{"$resolver": "pattern", "pattern": "%l"},
		"logger":               map[string]any{"$resolver": "logger", "field": "name"},
		"message":              map[string]any{"$resolver": "message", "stringified": true},
		"threadName":           map[string]any{"$resolver": "thread", "field": "name"},
		"messageType":          map[string]any{"$resolver": "level", "field": "name"},
		"timestamp":            map[string]any{"$resolver": "timestamp", "epoch": map[string]any{"unit": "millis", "rounded": true}},
		"throwableInformation": map[string]any{"$resolver": "exception", "field": "stackTrace", "stackTrace": map[string]any{"stringified": true}},
	}
	for name, value := range fields {
		t[name] = value
	}
	return json.Marshal(t)
}
