// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Wavefront's own decoder and validator: reads lines, writes one verdict for each, "ok" or what is wrong with it.
 *
 * usage: Verdicts NAME SOURCE TAGS KEY VALUE     how long they may be, and how many tags: the service has
 *                                                narrower limits than its library by default
 */
import com.wavefront.api.agent.ValidationConfiguration;
import com.wavefront.data.Validation;
import com.wavefront.ingester.HistogramDecoder;
import com.wavefront.ingester.ReportPointDecoder;
import com.wavefront.ingester.ReportPointDecoderWrapper;
import com.wavefront.ingester.ReportableEntityDecoder;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import wavefront.report.ReportPoint;

public class Verdicts {
	private static int number(String text) {
		return Integer.parseInt(text);
	}

	public static void main(String[] arguments) throws Exception {
		ReportableEntityDecoder<String, ReportPoint> points =
			new ReportPointDecoder(() -> "no-source", List.of());
		ReportableEntityDecoder<String, ReportPoint> histograms =
			new ReportPointDecoderWrapper(new HistogramDecoder("no-source"));
		ValidationConfiguration limits = new ValidationConfiguration()
			.setMetricLengthLimit(number(arguments[0])).setHistogramLengthLimit(number(arguments[0]))
			.setHostLengthLimit(number(arguments[1])).setAnnotationsCountLimit(number(arguments[2]))
			.setAnnotationsKeyLengthLimit(number(arguments[3]))
			.setAnnotationsValueLengthLimit(number(arguments[4]));
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		PrintStream verdicts = new PrintStream(System.out, false, StandardCharsets.UTF_8);
		for (String line; (line = lines.readLine()) != null;) {
			List<ReportPoint> found = new ArrayList<>();
			try {
				(line.startsWith("!") ? histograms : points).decode(line, found, "no-customer", null);
				for (ReportPoint point : found)
					Validation.validatePoint(point, limits);
				verdicts.println(found.size() == 1 ? "ok" : "not one point but " + found.size());
			} catch (Exception refused) {
				verdicts.println(String.valueOf(refused.getMessage()).replace('\n', ' '));
			}
		}
		verdicts.flush();
	}
}
